"""What is checked while bytes come in, however they are cut."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import InvalidArgument, PicstoreError, Reason
from picstore_upload.model import Chunk, End, Receiver, UploadHeader, check_declared

PNG = b"\x89PNG\r\n\x1a\n"
LIMIT = 20_000


def receiver(**header: object) -> Receiver:
    return Receiver(UploadHeader(**header), max_bytes=LIMIT)  # type: ignore[arg-type]  # by name


def cut(data: bytes, places: list[int]) -> list[Chunk]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [
        Chunk(offset=start, data=data[start:end], crc32c=google_crc32c.value(data[start:end]))
        for start, end in itertools.pairwise(edges)
    ]


def receive(received: Receiver, chunks: Iterable[Chunk]) -> None:
    for chunk in chunks:
        received.take(chunk)
    received.finish(End())


files = st.binary(max_size=LIMIT - len(PNG)).map(lambda body: PNG + body)


@given(data=files, places=st.lists(st.integers(min_value=0), max_size=8))
def test_the_digest_and_the_format_do_not_depend_on_the_chunks(
    data: bytes, places: list[int]
) -> None:
    received = receiver(size_bytes=len(data), content_type="image/png")
    kept = b"".join(received.take(chunk) for chunk in cut(data, places))
    digest = hashlib.sha256(data).hexdigest()
    assert received.finish(End(sha256=digest)) == (SourceFormat.PNG, digest)
    assert (kept, received.size) == (data, len(data))


@given(data=files, places=st.lists(st.integers(min_value=0), min_size=1, max_size=8))
def test_a_missing_chunk_is_noticed(data: bytes, places: list[int]) -> None:
    chunks = [chunk for chunk in cut(data, places) if chunk.data]
    received = receiver(size_bytes=len(data))
    with pytest.raises(PicstoreError) as caught:
        receive(received, chunks[1:])
    expected = Reason.UPLOAD_OFFSET_WRONG if chunks[1:] else Reason.UPLOAD_EMPTY
    assert caught.value.reason is expected


@given(
    data=files,
    place=st.integers(min_value=0),
    bit=st.integers(min_value=0, max_value=7),
)
def test_a_flipped_bit_is_noticed_by_the_checksum_of_its_chunk(
    data: bytes, place: int, bit: int
) -> None:
    damaged = bytearray(data)
    damaged[place % len(data)] ^= 1 << bit
    chunk = Chunk(offset=0, data=bytes(damaged), crc32c=google_crc32c.value(data))
    with pytest.raises(PicstoreError) as caught:
        receiver().take(chunk)
    assert caught.value.reason is Reason.UPLOAD_CHECKSUM_WRONG


@given(size=st.integers(min_value=LIMIT + 1, max_value=LIMIT * 2), step=st.integers(1, LIMIT))
def test_no_more_is_kept_than_is_allowed(size: int, step: int) -> None:
    data = PNG + bytes(size - len(PNG))
    received = receiver()
    pieces = (Chunk(offset=at, data=data[at : at + step]) for at in range(0, size, step))
    with pytest.raises(PicstoreError) as caught:
        receive(received, pieces)
    assert caught.value.reason is Reason.LIMIT_BYTES
    assert received.size <= LIMIT


def test_what_is_no_picture_is_refused_before_it_is_whole() -> None:
    with pytest.raises(PicstoreError) as caught:
        receiver().take(Chunk(offset=0, data=bytes(4096)))
    assert caught.value.reason is Reason.IMAGE_UNRECOGNISED


@pytest.mark.parametrize("allowed", [True, False])
def test_a_drawing_is_taken_only_where_it_is_allowed(allowed: bool) -> None:
    received = Receiver(UploadHeader(), max_bytes=LIMIT, allow_svg=allowed)
    received.take(Chunk(offset=0, data=b"<svg xmlns='http://www.w3.org/2000/svg'/>"))
    if allowed:
        assert received.format is SourceFormat.SVG
        return
    with pytest.raises(InvalidArgument) as caught:
        received.finish(End())
    assert caught.value.reason is Reason.IMAGE_FORMAT_UNSUPPORTED


def test_a_declared_type_that_names_no_format_declares_nothing() -> None:
    received = receiver(content_type="application/octet-stream")
    received.take(Chunk(offset=0, data=PNG))
    assert received.finish(End())[0] is SourceFormat.PNG


@pytest.mark.parametrize("size", [None, 1, LIMIT])
def test_a_size_that_is_allowed_is_no_reason_to_refuse(size: int | None) -> None:
    check_declared(UploadHeader(size_bytes=size), max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (-1, Reason.FIELD_INVALID),
        (0, Reason.UPLOAD_EMPTY),
        (LIMIT + 1, Reason.LIMIT_BYTES),
    ],
)
def test_a_size_that_rules_the_upload_out_is_refused(size: int, reason: Reason) -> None:
    with pytest.raises(PicstoreError) as caught:
        check_declared(UploadHeader(size_bytes=size), max_bytes=LIMIT)
    assert caught.value.reason is reason
