"""Import jobs and their items: what they are, and what becomes of one. Pure: no I/O.

    QUEUED ──claim──► RUNNING ──► IMPORTED, DUPLICATE, REFUSED, FAILED or CANCELLED
      ▲                  │
      └──transient fault─┘   at most 5 attempts

The number of the attempt is the fence, as with the catalog's jobs: what an attempt reports counts
only while it is the newest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from picstore_kit.errors import Code, PicstoreError, Reason
from picstore_kit.ids import ImportJobId, LocationId, ProjectId, TeamId, UploadId
from picstore_upload.model import OnDuplicate

MAX_ATTEMPTS: Final = 5
PAUSES_S: Final = (5.0, 30.0, 120.0, 600.0)
"""After each attempt that failed and is not the last; the same as those of conversions."""
JITTER: Final = 0.2
"""Pauses vary by this part, so that what failed together does not come back together."""
MAX_RETRY_AFTER_S: Final = 600.0
"""The longest that a server can make us wait; one that says more is asked again then."""

MAX_PREFIX_BYTES: Final = 1024
"""Of a bucket's prefix; no key is longer."""
OWN_PREFIX: Final = "incoming/"
"""Where uploads by presigned requests are until they are complete: nobody's pictures yet."""

_TRANSIENT: Final = frozenset(
    {
        Code.CANCELLED,
        Code.UNKNOWN,
        Code.DEADLINE_EXCEEDED,
        Code.RESOURCE_EXHAUSTED,
        Code.ABORTED,
        Code.INTERNAL,
        Code.UNAVAILABLE,
    }
)
_ABOUT_THE_PICTURE: Final = ("IMAGE_", "LIMIT_", "UPLOAD_", "CHILD_")


class Kind(StrEnum):
    """Where the pictures of a job are."""

    URL = "url"
    BUCKET = "bucket"


class JobState(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def open(self) -> bool:
        """Whether something may still come of it."""
        return self in (JobState.QUEUED, JobState.RUNNING)


class ItemState(StrEnum):
    """How far an item is."""

    QUEUED = "queued"
    RUNNING = "running"
    IMPORTED = "imported"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the pictures of a job are: one at a URL, or what is in a bucket."""

    kind: Kind
    url: str = ""
    filename: str = ""
    alt_text: str = ""
    location_id: LocationId | None = None
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job as somebody wants it."""

    id: ImportJobId
    team_id: TeamId
    project_id: ProjectId
    upload_profile: str
    location: str
    on_duplicate: OnDuplicate
    source: Source
    principal: bytes
    """For whom it is done; a serialised `picstore.auth.v1.Principal`."""
    credential_id: str
    """The key or session whose end is the job's."""
    request_key: str | None = None
    """Caller and request id; None without a request id."""
    request_hash: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job, as it is shown."""

    id: ImportJobId
    project_id: ProjectId
    upload_profile: str
    location: str
    on_duplicate: str
    kind: Kind
    url: str
    """Without its query."""
    filename: str
    alt_text: str
    bucket_location_id: str
    bucket_prefix: str
    state: JobState
    listed: bool
    item_count: int
    imported_count: int
    duplicate_count: int
    refused_count: int
    failed_count: int
    received_bytes: int
    total_bytes: int
    failure_reason: str
    failure_message: str
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item, as it is shown."""

    number: int
    source: str
    state: ItemState
    image_id: str
    reason: str
    message: str
    received_bytes: int
    total_bytes: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedItem:
    """One attempt at an item, with all of its job that is needed for it."""

    job_id: ImportJobId
    number: int
    team_id: TeamId
    attempt: int
    source: str
    url: str | None
    upload_id: UploadId
    project_id: ProjectId
    upload_profile: str
    location: str
    on_duplicate: str
    filename: str
    alt_text: str
    bucket_location_id: LocationId
    bucket_prefix: str
    principal: bytes
    too_old: bool
    """Whether the principal was stored too long ago to be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedListing:
    """One attempt at listing the bucket of a job."""

    job_id: ImportJobId
    team_id: TeamId
    attempt: int
    project_id: ProjectId
    bucket_location_id: LocationId
    bucket_prefix: str
    principal: bytes
    too_old: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How an attempt ended: for good, or QUEUED for another one after a pause."""

    state: ItemState
    image_id: str = ""
    reason: str = ""
    message: str = ""
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the job of an attempt stands."""

    state: JobState
    failure_reason: str
    failure_message: str

    def ending(self) -> Settlement | None:
        """Return how an attempt has to end now, or None where it may go on."""
        if self.state.open:
            return None
        if self.state is JobState.FAILED:
            return Settlement(
                state=ItemState.FAILED, reason=self.failure_reason, message=self.failure_message
            )
        return Settlement(state=ItemState.CANCELLED)


class SourceFault(Exception):
    """The source of an item does not give it; the message has no query and no secret in it.

    It is no `PicstoreError`: it is what becomes of an item, and never an answer to a call.
    """

    def __init__(
        self, reason: Reason, message: str, *, transient: bool, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.transient = transient
        self.retry_after = retry_after
        """Seconds after which the source wants to be asked again."""


def pause_s(attempt: int, *, jitter: float, wanted: float | None = None) -> float:
    """Return the seconds until the attempt after `attempt`, which is not the last.

    `jitter` is random in -1…1; `wanted` is what the other side asks for.
    """
    usual = PAUSES_S[min(attempt, len(PAUSES_S)) - 1] * (1 + JITTER * jitter)
    return max(usual, min(wanted or 0.0, MAX_RETRY_AFTER_S))


def settlement_of(
    error: PicstoreError | SourceFault, *, attempt: int, jitter: float = 0.0
) -> Settlement:
    """Say what a failed attempt makes of its item."""
    if isinstance(error, SourceFault):
        transient, state = error.transient, ItemState.FAILED
        wanted = error.retry_after
    else:
        transient, state = error.code in _TRANSIENT, _permanent_state(error)
        wanted = error.retry_after
    if transient and attempt < MAX_ATTEMPTS:
        return Settlement(
            state=ItemState.QUEUED,
            reason=error.reason,
            message=error.message,
            pause_s=pause_s(attempt, jitter=jitter, wanted=wanted),
        )
    image_id = error.metadata.get("image", "") if isinstance(error, PicstoreError) else ""
    return Settlement(
        state=ItemState.FAILED if transient else state,
        image_id=image_id if state is ItemState.DUPLICATE else "",
        reason=error.reason,
        message=error.message,
    )


def lost(attempt: int) -> Settlement | None:
    """Return the end of an item whose attempts have all been lost, or None if it may be tried.

    Whoever tried it died each time without a word, which may be the picture's doing.
    """
    if attempt <= MAX_ATTEMPTS:
        return None
    return Settlement(
        state=ItemState.FAILED,
        reason=Reason.ATTEMPTS_EXHAUSTED,
        message=f"each of {MAX_ATTEMPTS} attempts was broken off",
    )


def revoked() -> Settlement:
    """Return the end of what was to be done for a credential that no longer is what it was."""
    return Settlement(
        state=ItemState.FAILED,
        reason=Reason.CREDENTIAL_REVOKED,
        message="the credential that the import was made with was revoked or changed",
    )


def aged() -> Settlement:
    """Return the end of what was not done before its credential had to be shown again."""
    return Settlement(
        state=ItemState.FAILED,
        reason=Reason.CREDENTIAL_EXPIRED,
        message="the import took too long for the credential that it was made with",
    )


def folders_of(key: str, prefix: str) -> str:
    """Return the folders of an object's key below a prefix.

    A prefix that ends within a name, such as `photos/20`, counts up to its last slash.
    """
    rest = key.removeprefix(prefix)
    if prefix and not prefix.endswith("/") and not rest.startswith("/"):
        rest = key[prefix.rfind("/") + 1 :]
    return rest.strip("/").rpartition("/")[0]


def joined(location: str, folders: str) -> str:
    """Return the folder of an item's outputs: the job's, and its own below."""
    return "/".join(filter(None, (location.strip("/"), folders)))


def is_wanted(key: str) -> bool:
    """Whether an object of a bucket is an item: all are but folders and what is ours."""
    return not key.endswith("/") and not key.startswith(OWN_PREFIX)


def prefix_fault(prefix: str) -> str | None:
    """Say what is wrong with a bucket's prefix."""
    if len(prefix.encode(errors="replace")) > MAX_PREFIX_BYTES:
        return f"must have at most {MAX_PREFIX_BYTES} bytes"
    if prefix.startswith("/") or any(part in (".", "..") for part in prefix.split("/")):
        return "must be what keys begin with: no slash at its beginning, no '.' or '..'"
    if not prefix.isprintable():
        return "must not have control characters"
    return None


def _permanent_state(error: PicstoreError) -> ItemState:
    if error.reason is Reason.IMAGE_DUPLICATE:
        return ItemState.DUPLICATE
    if error.reason is Reason.PROFILE_YIELDS_NOTHING or (
        error.code is Code.INVALID_ARGUMENT and error.reason.startswith(_ABOUT_THE_PICTURE)
    ):
        return ItemState.REFUSED
    return ItemState.FAILED
