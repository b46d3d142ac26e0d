"""Bad input gets its own reason and a code of the caller's fault, and leaves nothing anywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from picstore.upload.v1 import upload_pb2
from picstore_kit.errors import Code, PicstoreError, Reason
from picstore_kit.ids import ProjectId, new_id
from picstore_upload.model import MAX_CHUNK_BYTES
from tests.integration.upload.installation import LIMITS, Installation
from tests.integration.upload.pictures import (
    MIB,
    animation,
    chunks,
    encoded,
    huge_truncated_png,
    jpeg,
    quick,
    quick_header,
)

Messages = Iterable[upload_pb2.QuickUploadRequest]
INVALID: Final = Code.INVALID_ARGUMENT
NOISE: Final = hashlib.shake_256(b"noise").digest(10 * MIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something that must not come in."""

    name: str
    data: Callable[[], bytes] = jpeg
    header: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    reason: Reason
    code: Code = INVALID


REFUSALS: Final = [
    Refusal(name="empty", data=lambda: b"", reason=Reason.UPLOAD_EMPTY),
    Refusal(name="text", data=lambda: b"Dear Sir or Madam", reason=Reason.IMAGE_UNRECOGNISED),
    Refusal(name="much noise", data=lambda: NOISE, reason=Reason.IMAGE_UNRECOGNISED),
    Refusal(
        name="a format that is not accepted",
        data=lambda: b"8BPS\0\1" + bytes(100),
        reason=Reason.IMAGE_FORMAT_UNSUPPORTED,
    ),
    Refusal(name="truncated", data=lambda: jpeg()[:-100], reason=Reason.IMAGE_TRUNCATED),
    Refusal(
        name="truncated, as is seen when much of it is stored",
        data=lambda: huge_truncated_png(12 * MIB),
        reason=Reason.IMAGE_TRUNCATED,
    ),
    Refusal(
        name="only a signature", data=lambda: b"\x89PNG\r\n\x1a\n", reason=Reason.IMAGE_TRUNCATED
    ),
    Refusal(
        name="a broken header",
        data=lambda: encoded(120, 80, ".png").replace(b"IHDR", b"IHDX"),
        reason=Reason.IMAGE_CORRUPT,
    ),
    Refusal(
        name="not what it was declared to be",
        header={"content_type": "image/png"},
        reason=Reason.IMAGE_TYPE_MISMATCH,
    ),
    Refusal(
        name="longer than is allowed",
        data=lambda: jpeg() + bytes(LIMITS.bytes),
        reason=Reason.LIMIT_BYTES,
    ),
    Refusal(
        name="declared to be longer than is allowed",
        header={"size_bytes": LIMITS.bytes + 1},
        reason=Reason.LIMIT_BYTES,
    ),
    Refusal(name="too many pixels", data=lambda: jpeg(1_200, 900), reason=Reason.LIMIT_PIXELS),
    Refusal(name="too long a side", data=lambda: jpeg(1_600, 8), reason=Reason.LIMIT_SIDE),
    Refusal(name="too many frames", data=lambda: animation(6), reason=Reason.LIMIT_FRAMES),
    Refusal(
        name="a drawing, where none are allowed",
        data=lambda: b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        reason=Reason.IMAGE_FORMAT_UNSUPPORTED,
    ),
    Refusal(name="another digest", sha256="00" * 32, reason=Reason.UPLOAD_DIGEST_WRONG),
    Refusal(
        name="fewer bytes than declared",
        header={"size_bytes": len(jpeg()) + 1},
        reason=Reason.UPLOAD_INCOMPLETE,
    ),
    Refusal(
        name="more bytes than declared",
        header={"size_bytes": len(jpeg()) - 1},
        reason=Reason.UPLOAD_INCOMPLETE,
    ),
    Refusal(name="declared to be empty", header={"size_bytes": 0}, reason=Reason.UPLOAD_EMPTY),
    Refusal(name="declared to be negative", header={"size_bytes": -1}, reason=Reason.FIELD_INVALID),
    Refusal(
        name="an unknown upload profile",
        header={"upload_profile": "nobody"},
        reason=Reason.RESOURCE_NOT_FOUND,
        code=Code.NOT_FOUND,
    ),
]


async def refusal_of(installed: Installation, messages: Messages) -> PicstoreError:
    with pytest.raises(PicstoreError) as caught:
        await installed.uploads.QuickUpload(iter(messages))
    return caught.value


async def assert_nothing_is_left(installed: Installation) -> None:
    assert await installed.objects() == []
    assert await installed.journal_rows() == []
    for query in ("SELECT id FROM images", "SELECT id FROM jobs", "SELECT id FROM outbox"):
        assert await installed.catalog_rows(query) == []


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
async def test_bad_input_is_refused_for_its_own_reason_and_leaves_nothing(
    installed: Installation, refusal: Refusal
) -> None:
    error = await refusal_of(
        installed,
        quick(
            refusal.data(),
            project_id=installed.project_id,
            sha256=refusal.sha256,
            **refusal.header,
        ),
    )
    assert (error.reason, error.code) == (refusal.reason, refusal.code)
    await assert_nothing_is_left(installed)


def _header(project_id: str) -> upload_pb2.QuickUploadRequest:
    return upload_pb2.QuickUploadRequest(header=quick_header(project_id))


def _chunk(**fields: Any) -> upload_pb2.QuickUploadRequest:
    return upload_pb2.QuickUploadRequest(chunk=upload_pb2.Chunk(**fields))


_END: Final = upload_pb2.QuickUploadRequest(end=upload_pb2.End())


def no_message(project_id: str) -> Iterator[upload_pb2.QuickUploadRequest]:
    return iter(())


def no_header(project_id: str) -> Iterator[upload_pb2.QuickUploadRequest]:
    yield _chunk(offset=0, data=jpeg())
    yield _END


def second_header(project_id: str) -> Iterator[upload_pb2.QuickUploadRequest]:
    yield _header(project_id)
    yield _chunk(offset=0, data=jpeg()[:100])
    yield _header(project_id)


def empty_message(project_id: str) -> Iterator[upload_pb2.QuickUploadRequest]:
    yield _header(project_id)
    yield upload_pb2.QuickUploadRequest()


def no_end(project_id: str) -> Iterator[upload_pb2.QuickUploadRequest]:
    yield _header(project_id)
    yield _chunk(offset=0, data=jpeg())


def cut_late(project_id: str) -> Iterator[upload_pb2.QuickUploadRequest]:
    yield _header(project_id)
    for chunk in chunks(jpeg() + NOISE):
        yield upload_pb2.QuickUploadRequest(chunk=chunk)


def gap(project_id: str) -> Iterator[upload_pb2.QuickUploadRequest]:
    yield _header(project_id)
    yield _chunk(offset=0, data=jpeg()[:100])
    yield _chunk(offset=101, data=jpeg()[101:])
    yield _END


def repeated_chunk(project_id: str) -> Iterator[upload_pb2.QuickUploadRequest]:
    yield _header(project_id)
    yield _chunk(offset=0, data=jpeg()[:100])
    yield _chunk(offset=0, data=jpeg()[:100])
    yield _END


def wrong_checksum(project_id: str) -> Iterator[upload_pb2.QuickUploadRequest]:
    yield _header(project_id)
    yield _chunk(offset=0, data=jpeg(), crc32c=1)
    yield _END


def long_chunk(project_id: str) -> Iterator[upload_pb2.QuickUploadRequest]:
    yield _header(project_id)
    yield _chunk(offset=0, data=jpeg() + bytes(MAX_CHUNK_BYTES))
    yield _END


def no_project(project_id: str) -> Iterator[upload_pb2.QuickUploadRequest]:
    return quick(jpeg(), project_id="")


def not_a_project(project_id: str) -> Iterator[upload_pb2.QuickUploadRequest]:
    return quick(jpeg(), project_id="blog")


def unknown_project(project_id: str) -> Iterator[upload_pb2.QuickUploadRequest]:
    return quick(jpeg(), project_id=new_id(ProjectId))


@pytest.mark.parametrize(
    ("stream", "reason", "code"),
    [
        (no_message, Reason.FIELD_INVALID, INVALID),
        (no_header, Reason.FIELD_INVALID, INVALID),
        (second_header, Reason.FIELD_INVALID, INVALID),
        (empty_message, Reason.FIELD_INVALID, INVALID),
        (no_end, Reason.UPLOAD_INCOMPLETE, INVALID),
        (cut_late, Reason.UPLOAD_INCOMPLETE, INVALID),
        (gap, Reason.UPLOAD_OFFSET_WRONG, Code.ABORTED),
        (repeated_chunk, Reason.UPLOAD_OFFSET_WRONG, Code.ABORTED),
        (wrong_checksum, Reason.UPLOAD_CHECKSUM_WRONG, INVALID),
        (long_chunk, Reason.FIELD_INVALID, INVALID),
        (no_project, Reason.FIELD_INVALID, INVALID),
        (not_a_project, Reason.FIELD_INVALID, INVALID),
        (unknown_project, Reason.RESOURCE_NOT_FOUND, Code.NOT_FOUND),
    ],
)
async def test_a_bad_stream_is_refused_for_its_own_reason_and_leaves_nothing(
    installed: Installation,
    stream: Callable[[str], Messages],
    reason: Reason,
    code: Code,
) -> None:
    error = await refusal_of(installed, stream(installed.project_id))
    assert (error.reason, error.code) == (reason, code)
    await assert_nothing_is_left(installed)


async def test_another_teams_project_is_not_found(installed: Installation) -> None:
    with pytest.raises(PicstoreError) as caught:
        await installed.stranger.QuickUpload(quick(jpeg(), project_id=installed.project_id))
    assert caught.value.code is Code.NOT_FOUND
    await assert_nothing_is_left(installed)


async def test_a_picture_of_which_no_output_would_come_is_not_kept(
    installed: Installation,
) -> None:
    messages = quick(jpeg(), project_id=installed.project_id, upload_profile="from-png")
    error = await refusal_of(installed, messages)
    assert error.reason is Reason.PROFILE_YIELDS_NOTHING
    await assert_nothing_is_left(installed)


async def test_a_client_that_is_refused_early_is_told_so_in_the_end(
    installed: Installation,
) -> None:
    """Ten times, because a client that writes faster than it listens hears it only by luck."""
    for _ in range(10):
        error = await refusal_of(installed, quick(NOISE, project_id=installed.project_id))
        assert error.reason is Reason.IMAGE_UNRECOGNISED
