"""What comes in with an upload, and the checks that need nothing but the bytes. Pure: no I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Protocol

import google_crc32c

from picstore_imaging.facts import Probe
from picstore_imaging.formats import SourceFormat
from picstore_imaging.limits import Limits, check
from picstore_imaging.sniff import HEAD_BYTES, recognise
from picstore_kit.errors import (
    Aborted,
    InvalidArgument,
    InvalidField,
    Reason,
    Unavailable,
)
from picstore_kit.ids import ImageId, LocationId, ProjectId, TeamId, UploadId, UploadProfileId

MAX_CHUNK_BYTES: Final = 1024 * 1024
"""Largest chunk of a streamed upload; the contract says so too."""

_MAX_INT32: Final = 2**31
"""The contract's fields for sides and frames end below it."""


class OnDuplicate(StrEnum):
    """What is to happen with bytes that the project has already."""

    RETURN_EXISTING = "RETURN_EXISTING"
    CREATE = "CREATE"
    REFUSE = "REFUSE"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadHeader:
    """What is said of a picture before its first byte."""

    project_id: str = ""
    """Where it is new."""
    image_id: str = ""
    """Where it was announced, or has an original that is replaced."""
    upload_profile: str = ""
    filename: str = ""
    alt_text: str = ""
    location: str = ""
    content_type: str = ""
    size_bytes: int | None = None
    on_duplicate: OnDuplicate = OnDuplicate.RETURN_EXISTING
    upload_id: UploadId | None = None
    """By which the catalog knows an upload that is tried again; None for a fresh one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some bytes, and where in the file they begin."""

    offset: int
    data: bytes
    crc32c: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of the file, and its digest (hex) if the sender wants it checked."""

    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the catalog wants an original, and how large it may be."""

    image_id: ImageId
    generation: int
    project_id: ProjectId
    upload_profile_id: UploadProfileId
    location_id: LocationId
    object_key: str
    filename: str
    location: str
    max_bytes: int
    """0 for the installation's own limit."""
    max_pixels: int
    """0 for the installation's own limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """An upload, and the object that it may have left in a store."""

    upload_id: UploadId
    team_id: TeamId
    location_id: LocationId
    object_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A picture that came whole and passed every check."""

    upload_id: UploadId
    destination: Destination
    probe: Probe
    sha256: str
    alt_text: str
    on_duplicate: OnDuplicate = OnDuplicate.RETURN_EXISTING


class Digest(Protocol):
    """The part of a hashlib object that is needed here."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far."""
        ...


def check_declared(header: UploadHeader, *, max_bytes: int) -> None:
    """Refuse by the header alone what the header already rules out.

    Raises:
        InvalidField: The size is negative.
        InvalidArgument: UPLOAD_EMPTY or LIMIT_BYTES.
    """
    if header.size_bytes is None:
        return
    if header.size_bytes < 0:
        raise InvalidField("header.size_bytes", "must not be negative")
    if header.size_bytes == 0:
        raise empty()
    check_size(header.size_bytes, max_bytes=max_bytes, declared=None)


def check_chunk(chunk: Chunk, *, at: int) -> None:
    """Refuse a chunk that does not belong at byte `at`, or is not what its sender has sent.

    Raises:
        InvalidField: It is longer than a chunk may be.
        InvalidArgument: UPLOAD_CHECKSUM_WRONG.
        Aborted: UPLOAD_OFFSET_WRONG.
    """
    if len(chunk.data) > MAX_CHUNK_BYTES:
        raise InvalidField("chunk.data", f"must have at most {MAX_CHUNK_BYTES} bytes")
    if chunk.offset != at:
        raise wrong_offset(at, chunk.offset)
    if chunk.crc32c is not None and google_crc32c.value(chunk.data) != chunk.crc32c:
        raise InvalidArgument(
            Reason.UPLOAD_CHECKSUM_WRONG,
            f"the chunk at byte {chunk.offset} does not have the CRC-32C sent with it",
            metadata={"offset": str(chunk.offset)},
        )


def check_size(size: int, *, max_bytes: int, declared: int | None) -> None:
    """Refuse a file that has `size` bytes by now, and so has too many.

    Raises:
        InvalidArgument: LIMIT_BYTES, or UPLOAD_INCOMPLETE where more came than was declared.
    """
    if size > max_bytes:
        raise InvalidArgument(
            Reason.LIMIT_BYTES,
            f"the file is larger than the {max_bytes} bytes that are allowed",
            metadata={"limit": str(max_bytes), "actual": str(size)},
        )
    if declared is not None and size > declared:
        raise incomplete(declared, size)


class Receiver:
    """Counts and hashes the bytes of one upload and stops it at the first thing that is wrong.

    Not for two threads at once, but `take` may run in any one: hashing lets go of the interpreter.
    """

    def __init__(self, header: UploadHeader, *, max_bytes: int, allow_svg: bool = False) -> None:
        self._declared_size = header.size_bytes
        self._declared_type = header.content_type
        self._max_bytes = max_bytes
        self._allow_svg = allow_svg
        self._digest: Digest = hashlib.sha256()
        self._head = b""
        self._format: SourceFormat | None = None
        self.size = 0
        """Bytes so far."""

    def take(self, chunk: Chunk) -> bytes:
        """Check the next chunk and return its bytes, which may be kept now.

        Raises:
            InvalidArgument: LIMIT_BYTES, UPLOAD_INCOMPLETE (more came than was declared),
                UPLOAD_CHECKSUM_WRONG, or a reason of `recognise`.
            Aborted: UPLOAD_OFFSET_WRONG.
        """
        data = chunk.data
        check_chunk(chunk, at=self.size)
        size = self.size + len(data)
        check_size(size, max_bytes=self._max_bytes, declared=self._declared_size)
        self._digest.update(data)
        self.size = size
        if self._format is None:
            self._head += data[: HEAD_BYTES - len(self._head)]
            if len(self._head) >= HEAD_BYTES:
                self._format = self._recognise()
        return data

    def finish(self, end: End) -> tuple[SourceFormat, str]:
        """Check the end and return the format and the digest (hex) of the file.

        Raises:
            InvalidArgument: UPLOAD_EMPTY, UPLOAD_INCOMPLETE, UPLOAD_DIGEST_WRONG, or a reason of
                `recognise`.
        """
        if self.size == 0:
            raise empty()
        if self._declared_size is not None and self.size != self._declared_size:
            raise incomplete(self._declared_size, self.size)
        digest = self._digest.hexdigest()
        if end.sha256 and end.sha256.lower() != digest:
            raise wrong_digest(end.sha256, digest)
        return self.format, digest

    @property
    def format(self) -> SourceFormat:
        """The format, told from the head of the file; `take` knows it after 4 KiB at the latest."""
        if self._format is None:
            self._format = self._recognise()
        return self._format

    def _recognise(self) -> SourceFormat:
        return recognise(self._head, self._declared_type, allow_svg=self._allow_svg)


def tightened(limits: Limits, destination: Destination) -> Limits:
    """Return the installation's `limits`, or the project's where those are tighter."""
    pixels = destination.max_pixels or limits.pixels
    return replace(
        limits,
        bytes=min(limits.bytes, destination.max_bytes or limits.bytes),
        pixels=min(limits.pixels, pixels),
        pixels_whole_decode=min(limits.pixels_whole_decode, pixels),
    )


def read_probe(
    answer: Mapping[str, Any], *, format: SourceFormat, size: int, limits: Limits
) -> Probe:
    """Read what a child says of a file, and believe it no more than what it was given allows.

    Raises:
        InvalidArgument: A limit is passed (`LIMIT_*`).
        Unavailable: CHILD_CRASHED, the answer makes no sense: the file may have got hold of it.
    """
    try:
        probe = Probe.from_json(answer)
        numbers: tuple[object, ...] = (probe.width, probe.height, probe.frames)
        flags: tuple[object, ...] = (probe.has_alpha, probe.has_gps)
        if (
            (probe.format, probe.bytes) != (format, size)
            or not all(isinstance(n, int) and 0 < n < _MAX_INT32 for n in numbers)
            or not all(isinstance(flag, bool) for flag in flags)
        ):
            raise ValueError("not what a probe of this file can say")
        check(limits, probe)
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(
            Reason.CHILD_CRASHED, "the process that reads headers answered nonsense"
        ) from error
    return probe


def empty() -> InvalidArgument:
    """Say that a file has no bytes."""
    return InvalidArgument(Reason.UPLOAD_EMPTY, "the file has no bytes")


def incomplete(expected: int, received: int) -> InvalidArgument:
    """Say that a file is longer or shorter than was announced."""
    return InvalidArgument(
        Reason.UPLOAD_INCOMPLETE,
        f"{expected} bytes were announced, {received} came",
        metadata={"expected": str(expected), "received": str(received)},
    )


def wrong_digest(expected: str, received: str) -> InvalidArgument:
    """Say that a file is not the one whose digest was given; both in hexadecimal."""
    return InvalidArgument(
        Reason.UPLOAD_DIGEST_WRONG,
        "the file does not have the SHA-256 sent with it",
        metadata={"expected": expected, "received": received},
    )


def wrong_offset(expected: int, received: int) -> Aborted:
    """Say that bytes do not begin where those before them have ended."""
    return Aborted(
        Reason.UPLOAD_OFFSET_WRONG,
        f"bytes begin at {received}, but {expected} have come",
        metadata={"expected": str(expected), "received": str(received)},
    )
