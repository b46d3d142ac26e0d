"""What every blob store can do, and how it fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from picstore_kit.errors import (
    FailedPrecondition,
    InvalidArgument,
    InvalidField,
    NotFound,
    Reason,
    Resource,
    Unavailable,
)

CHUNK_BYTES: Final = 256 * 1024
"""Size of the pieces in which objects are read."""

MAX_KEY_BYTES: Final = 1024
"""Longest object key that S3 takes, in UTF-8."""

PART_BYTES: Final = 5 * 1024 * 1024
"""The smallest part of a multipart upload that S3 takes, but for the last one."""

MAX_PARTS: Final = 10_000
"""Most parts of a multipart upload, and the highest number of one."""

MAX_PRESIGN_S: Final = 7 * 24 * 3600
"""Longest time that a presigned request may be good for, in seconds."""

DIGEST_KEY: Final = "sha256"
"""Metadata name under which a store keeps the digest that its caller gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobStat:
    """What a store says it holds."""

    size: int
    """Bytes."""
    etag: str
    """Changes with the content; not a digest of it, and never with quotes."""
    content_type: str
    cache_control: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Lower-case ASCII names; `sha256` is there when the writer knew it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stored part of an object that is not whole yet."""

    number: int
    """1 to `MAX_PARTS`: parts are joined in this order, and numbers may be left out."""
    etag: str
    """Changes with the content of the part, and never with quotes."""
    size: int
    """Bytes."""


Parts = list[Part]
"""A name for the type inside of classes that have a `list` of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresignedRequest:
    """A request that somebody without credentials may send, as it is and in no other way."""

    method: str
    """`PUT` or `POST`."""
    url: str = field(repr=False)
    """Whoever has it may send the request: it is a secret until it expires."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """To be sent exactly so; lower-case names. A browser sets `content-length` by itself."""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of the form, for POST, where the file comes last as the field `file`; else none."""


class BlobNotFound(NotFound):
    """There is no object with this key, or no unfinished upload of it with this id."""

    def __init__(self, key: str) -> None:
        super().__init__(
            Reason.STORAGE_OBJECT_MISSING,
            "the stored object is missing",
            metadata={"key": key},
            resource=Resource(type="Object", name=key),
        )


class BlobStoreUnavailable(Unavailable):
    """The store cannot be reached, is too busy or out of space: the same call may succeed later."""

    def __init__(self) -> None:
        super().__init__(
            Reason.STORAGE_UNAVAILABLE, "the storage location does not answer", retry_after=2.0
        )


class BlobStoreDenied(FailedPrecondition):
    """The store refuses: wrong credentials, no right, no such bucket. Repeating does not help."""

    def __init__(self, code: str, *, action: str = "") -> None:
        super().__init__(
            Reason.STORAGE_DENIED,
            f"the storage location refuses: {code}",
            metadata={"storage_code": code},
        )
        self.storage_code = code
        """As the store calls it, such as `AccessDenied`."""
        self.action = action
        """What was refused, by the name that policies have for it, such as `s3:PutObject`."""


class BlobDigestMismatch(InvalidArgument):
    """The bytes do not have the sha256 that was given with them; nothing was stored."""

    def __init__(self) -> None:
        super().__init__(
            Reason.UPLOAD_DIGEST_WRONG, "the content does not have the sha256 that was given"
        )


class BlobPresignUnsupported(FailedPrecondition):
    """This store cannot be reached by anybody else, so it has no URLs to hand out."""

    def __init__(self) -> None:
        super().__init__(
            Reason.PRESIGN_UNSUPPORTED, "this storage location has no presigned requests"
        )


class BlobStore(Protocol):
    """Objects under keys such as `shop/cats/photo-img_…/800x600-0a1b2c3d4e.avif`.

    A write is whole or not there, is visible at once to every reader, and replaces what the key
    held before. Every method but `presign_*` may raise BlobStoreUnavailable or BlobStoreDenied, and
    InvalidField for a key that `check_key` refuses.
    """

    async def put_bytes(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str,
        cache_control: str | None = None,
        sha256: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> BlobStat:
        """Store `data`; with `sha256` (hex) raise BlobDigestMismatch if that is not its digest."""

    async def put_file(
        self,
        key: str,
        path: Path,
        *,
        content_type: str,
        cache_control: str | None = None,
        sha256: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> BlobStat:
        """Store the content of a file that nobody writes to meanwhile; `sha256` as above."""

    async def get_to_file(self, key: str, path: Path) -> BlobStat:
        """Write the object to `path`, which appears when it is whole, or raise BlobNotFound."""

    def get_range(
        self, key: str, *, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Yield at most `length` bytes from `offset` on, none beyond the end, or BlobNotFound.

        Close the iterator (`contextlib.aclosing`) if you leave it early.
        """

    async def stat(self, key: str) -> BlobStat:
        """Describe the object, or raise BlobNotFound."""

    async def delete(self, key: str) -> None:
        """Remove the object; one that is not there is fine."""

    async def discard(self, key: str) -> None:
        """Remove the object, and what a writer that was killed has left of it under this key.

        Nobody may be writing to the key meanwhile.
        """

    async def abort_unfinished(self, key: str) -> None:
        """Remove what writers have left of uploads to this key, but not the object.

        Nobody may be writing to the key meanwhile.
        """

    async def copy(
        self,
        source: str,
        target: str,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> BlobStat:
        """Copy an object with all that is known of it, within the store, or raise BlobNotFound.

        With `content_type`, that and `metadata` (none if it is None) take the place of what the
        source has; its cache control stays. `metadata` alone is a ValueError.
        """

    def list(self, prefix: str) -> AsyncIterator[str]:
        """Yield every key that begins with `prefix`, in no promised order."""

    async def presign_get(self, key: str, *, expires_s: int) -> str:
        """Return a URL that reads the object for `expires_s` seconds, to be saved as a file."""

    async def presign_put(
        self,
        key: str,
        *,
        expires_s: int,
        content_type: str,
        size: int,
        sha256: str | None = None,
    ) -> PresignedRequest:
        """Return a PUT of the object, for `expires_s` seconds.

        The store refuses another media type, another length, and with `sha256` (hex) other bytes.
        """

    async def presign_post(
        self, key: str, *, expires_s: int, content_type: str, min_size: int, max_size: int
    ) -> PresignedRequest:
        """Return a form that posts the object, for `expires_s` seconds.

        The store refuses another key, another media type, and a size out of the range.
        """

    async def presign_part(
        self, key: str, upload_id: str, number: int, *, size: int, expires_s: int
    ) -> PresignedRequest:
        """Return a PUT of one part of exactly `size` bytes, for `expires_s` seconds."""

    async def begin_multipart(
        self, key: str, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> str:
        """Begin an object that arrives in parts, and return the store's id of this upload.

        The key holds what it held before until the upload is completed. Parts stay until it is
        completed or aborted, or the key is discarded.
        """

    async def put_part(
        self, key: str, upload_id: str, number: int, path: Path, *, offset: int, length: int
    ) -> Part:
        """Store a slice of a file as a part, in place of one that has the same number.

        The slice is in memory meanwhile. Raises BlobNotFound if the upload is gone, and ValueError
        for a number that no part has or a slice that goes beyond the end of the file.
        """

    async def list_parts(self, key: str, upload_id: str) -> Parts:
        """Return the parts that are stored, by number; BlobNotFound if the upload is gone.

        Of a part that was put more than once this is the last one, as far as the store tells: some
        keep all of them, and know their age by the second.
        """

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[Part]) -> BlobStat:
        """Make the object of these parts, as they were put, and drop all others of the upload.

        Raises BlobNotFound if the upload is gone; one that was completed is, but a store may still
        remember it and answer as before. BlobDigestMismatch if a part is not there, or another one
        took its place and the store has not kept it. BlobStoreDenied (`EntityTooSmall`) if one but
        the last is smaller than `PART_BYTES`. ValueError for no parts, or for numbers that do not
        ascend.
        """

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Drop an unfinished upload with its parts; one that is gone is fine.

        A part that is being written meanwhile may stay: `discard` the key when nobody writes.
        """

    async def close(self) -> None:
        """Let go of threads and connections; nothing may be called afterwards."""


def check_key(key: str) -> str:
    """Return `key` if it means the same object, and nothing but an object, in every store.

    Raises:
        InvalidField: It is empty or too long, begins or ends with `/`, has an empty, `.` or `..`
            segment, or holds control characters.
    """
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise InvalidField("key", "must be valid Unicode") from None
    if not 0 < size <= MAX_KEY_BYTES:
        raise InvalidField("key", f"must have 1 to {MAX_KEY_BYTES} bytes")
    if any(segment in ("", ".", "..") for segment in key.split("/")):
        raise InvalidField("key", "must not have empty, '.' or '..' segments")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in key):
        raise InvalidField("key", "must not have control characters")
    return key


def check_range(offset: int, length: int | None) -> None:
    """Refuse a range that nobody can mean.

    Raises:
        ValueError: A number is negative.
    """
    if offset < 0 or (length is not None and length < 0):
        raise ValueError("offset and length must not be negative")


def replaced(
    stat: BlobStat, content_type: str | None, metadata: Mapping[str, str] | None
) -> BlobStat:
    """Return what a copy of an object is to be known as: see `BlobStore.copy`.

    Raises:
        ValueError: There is `metadata`, but no `content_type`.
    """
    if content_type is None:
        if metadata is not None:
            raise ValueError("metadata is replaced together with the content type")
        return stat
    return replace(stat, content_type=content_type, metadata=dict(metadata or {}))


def with_digest(metadata: Mapping[str, str] | None, sha256: str | None) -> dict[str, str]:
    """Return `metadata` together with the digest, if that is known."""
    return {**(metadata or {}), **({DIGEST_KEY: sha256} if sha256 is not None else {})}
