"""Uploads whose bytes come later: their states, and what may be done in which. Pure: no I/O."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from picstore_kit.errors import (
    Aborted,
    FailedPrecondition,
    InvalidArgument,
    InvalidField,
    PicstoreError,
    Reason,
)
from picstore_kit.ids import (
    ImageId,
    LocationId,
    ProjectId,
    TeamId,
    UploadId,
    UploadProfileId,
)
from picstore_upload.model import Destination, OnDuplicate, UploadHeader

INCOMING: Final = "incoming"
"""The folder of what nobody has checked yet, in the location of the originals."""

MAX_NOTE: Final = 4096
"""Characters of what a caller wants to find again."""

MAX_CONCAT: Final = 100
"""Partial uploads that one upload may consist of."""

MAX_REQUESTS: Final = 1000
"""Most parts that presigned requests are made for: what one page of a store's list holds."""

_MIB: Final = 1024 * 1024
_PRESIGNED_PART_BYTES: Final = 8 * _MIB


class Method(StrEnum):
    """How the bytes come."""

    RESUMABLE = "RESUMABLE"
    PUT = "PUT"
    POST = "POST"
    MULTIPART = "MULTIPART"


PRESIGNED: Final = frozenset({Method.PUT, Method.POST, Method.MULTIPART})
"""Methods whose bytes go to the store directly."""


class State(StrEnum):
    """How far an upload is."""

    OPEN = "OPEN"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One upload, as it was when it was looked at."""

    id: UploadId
    team_id: TeamId
    project_id: ProjectId
    method: Method
    header: UploadHeader
    destination: Destination
    sha256: str
    """Of the whole file in hexadecimal; empty if nobody has said."""
    note: str
    partial: bool
    concat: tuple[UploadId, ...]
    size_bytes: int | None
    """None while nobody has said."""
    state: State
    failure_reason: str
    failure_message: str
    result: bytes | None
    """The picture as callers were told, serialised."""
    persisted_size: int
    store_upload_id: str | None
    tail_key: str | None
    tail_size: int
    epoch: int
    signed_until: datetime | None
    cleaned: bool
    created_at: datetime
    expires_at: datetime

    @property
    def parts_size(self) -> int:
        """Bytes that are in parts; the tail follows them."""
        return self.persisted_size - self.tail_size

    @property
    def whole(self) -> bool:
        """Whether all bytes that were announced have come."""
        return self.size_bytes is not None and self.persisted_size == self.size_bytes

    @property
    def incoming_key(self) -> str:
        """Where a presigned PUT or form puts the file."""
        return f"{incoming_prefix(self.id)}file"


def incoming_prefix(upload_id: UploadId) -> str:
    """Return what the keys of all objects begin with that an upload has beside its original."""
    return f"{INCOMING}/{upload_id}/"


def check_open(session: Session) -> None:
    """Refuse what needs an upload that is not over.

    Raises:
        FailedPrecondition: UPLOAD_EXPIRED or UPLOAD_COMPLETED.
        PicstoreError: What the upload has failed with.
    """
    match session.state:
        case State.OPEN:
            return
        case State.COMPLETED:
            raise FailedPrecondition(
                Reason.UPLOAD_COMPLETED,
                "the upload is complete",
                metadata={"upload": session.id},
            )
        case State.FAILED:
            raise failure_of(session)
        case State.EXPIRED:
            raise FailedPrecondition(
                Reason.UPLOAD_EXPIRED,
                "the upload was not complete in time and is deleted",
                metadata={
                    "upload": session.id,
                    "expire_time": session.expires_at.isoformat(timespec="seconds"),
                },
            )


def failure_of(session: Session) -> PicstoreError:
    """Return the refusal that has ended an upload, as it was told at first."""
    reason = Reason(session.failure_reason)
    kind = FailedPrecondition if reason in _OF_STATE else InvalidArgument
    return kind(reason, session.failure_message, metadata={"upload": session.id})


_OF_STATE: Final = frozenset(
    {Reason.PROFILE_YIELDS_NOTHING, Reason.STATE_WRONG, Reason.UPLOAD_PROFILE_REQUIRED}
)

ENDING: Final = frozenset(
    {
        Reason.UPLOAD_EMPTY,
        Reason.UPLOAD_DIGEST_WRONG,
        Reason.IMAGE_UNRECOGNISED,
        Reason.IMAGE_FORMAT_UNSUPPORTED,
        Reason.IMAGE_TYPE_MISMATCH,
        Reason.IMAGE_TRUNCATED,
        Reason.IMAGE_CORRUPT,
        Reason.IMAGE_DUPLICATE,
        Reason.LIMIT_BYTES,
        Reason.LIMIT_PIXELS,
        Reason.LIMIT_SIDE,
        Reason.LIMIT_FRAMES,
        Reason.LIMIT_METADATA,
        Reason.CHILD_CRASHED,
        Reason.CHILD_TIMEOUT,
        Reason.CHILD_MEMORY,
        Reason.PROFILE_YIELDS_NOTHING,
        Reason.REQUEST_ID_REUSED,
    }
)
"""Reasons of refusals after which nothing that the same upload could still get would help."""


def ends(error: PicstoreError) -> bool:
    """Whether an upload that failed so is over, and what has come of it is deleted."""
    permanent = isinstance(error, InvalidArgument | FailedPrecondition) or error.reason in (
        Reason.IMAGE_DUPLICATE,
        Reason.REQUEST_ID_REUSED,
    )
    return permanent and error.reason in ENDING


def busy(upload_id: UploadId, *, retry_after: float) -> Aborted:
    """Say that another call has the upload."""
    return Aborted(
        Reason.UPLOAD_BUSY,
        "another call is completing the upload",
        metadata={"upload": upload_id},
        retry_after=retry_after,
    )


def lease_lost(upload_id: UploadId) -> Aborted:
    """Say that another call has taken the upload over."""
    return Aborted(
        Reason.LEASE_LOST,
        "another call has begun to write to the upload",
        metadata={"upload": upload_id},
    )


def check_total(session: Session, size_bytes: int | None) -> None:
    """Refuse a size of the whole file that is not the one that was said before.

    Raises:
        InvalidField: It is none, or another one.
    """
    if size_bytes is None:
        return
    if size_bytes <= 0 or session.size_bytes not in (None, size_bytes):
        raise InvalidField("header.size_bytes", "must be what the upload was made with")


def check_resumable(session: Session) -> None:
    """Refuse to write to an upload whose bytes come another way.

    Raises:
        FailedPrecondition: STATE_WRONG.
    """
    if session.method is Method.RESUMABLE and not session.concat:
        return
    way = "from other uploads" if session.concat else "to the store directly"
    raise FailedPrecondition(
        Reason.STATE_WRONG,
        f"the bytes of this upload come {way}",
        metadata={"upload": session.id},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a file that a presigned request is for."""

    number: int
    offset: int
    size: int


def slices(size_bytes: int) -> list[Slice]:
    """Cut a file into parts that the store takes, 8 MiB each or as many times that as is needed."""
    pieces = -(-size_bytes // _PRESIGNED_PART_BYTES)
    length = _PRESIGNED_PART_BYTES * -(-pieces // MAX_REQUESTS)
    return [
        Slice(number=number, offset=offset, size=min(length, size_bytes - offset))
        for number, offset in enumerate(range(0, size_bytes, length), start=1)
    ]


class Checksum(Protocol):
    """The part of a hashlib object that is needed here."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""

    def digest(self) -> bytes:
        """Return the digest of all bytes so far."""
        ...


class _CRC32:
    """zlib's CRC-32 as a digest of four bytes, the highest first."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


class DeclaredChecksum:
    """A digest that the bytes of one call must have: `sha1 `, say, and the base64 of it.

    MD5 and SHA-1 are here against accidents on the way, as tus has them, not against forgery.
    """

    def __init__(self, text: str) -> None:
        """Read it.

        Raises:
            InvalidField: The algorithm is not known, or the rest is no digest of it.
        """
        name, _, encoded = text.strip().partition(" ")
        makers: dict[str, Checksum] = {
            "sha1": hashlib.sha1(usedforsecurity=False),
            "sha256": hashlib.sha256(),
            "md5": hashlib.md5(usedforsecurity=False),
            "crc32": _CRC32(),
        }
        if name not in makers:
            raise InvalidField("header.checksum", f"must be one of {', '.join(makers)}")
        self._running = makers[name]
        try:
            self._expected = base64.b64decode(encoded.strip(), validate=True)
        except binascii.Error:
            self._expected = b""
        if len(self._expected) != len(self._running.digest()):
            raise InvalidField("header.checksum", f"must be the base64 of a {name} digest")

    def take(self, data: bytes) -> None:
        """Take in more bytes."""
        self._running.update(data)

    def verify(self, *, offset: int) -> None:
        """Compare.

        Raises:
            InvalidArgument: UPLOAD_CHECKSUM_WRONG.
        """
        if self._running.digest() != self._expected:
            raise InvalidArgument(
                Reason.UPLOAD_CHECKSUM_WRONG,
                f"the bytes from {offset} on do not have the checksum sent with them",
                metadata={"offset": str(offset)},
            )


def header_to_json(header: UploadHeader) -> dict[str, Any]:
    """Write a header for the database."""
    return asdict(header)


def header_from_json(fields: Mapping[str, Any]) -> UploadHeader:
    """Read what `header_to_json` wrote."""
    return UploadHeader(**{**fields, "on_duplicate": OnDuplicate(fields["on_duplicate"])})


def destination_to_json(destination: Destination) -> dict[str, Any]:
    """Write a destination for the database."""
    return asdict(destination)


def destination_from_json(fields: Mapping[str, Any]) -> Destination:
    """Read what `destination_to_json` wrote."""
    return Destination(
        **{
            **fields,
            "image_id": ImageId(fields["image_id"]),
            "project_id": ProjectId(fields["project_id"]),
            "upload_profile_id": UploadProfileId(fields["upload_profile_id"]),
            "location_id": LocationId(fields["location_id"]),
        }
    )
