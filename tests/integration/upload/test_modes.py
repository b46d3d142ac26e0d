"""The same suite for every way to send a picture: the same bytes in, the same picture out."""

from __future__ import annotations

import pytest

from picstore.catalog.v1 import conversion_pb2, image_pb2
from picstore.catalog.v1.image_pb2 import Image
from picstore_kit.errors import PicstoreError, Reason
from tests.integration.upload.installation import Installation
from tests.integration.upload.modes import MODES, Mode, digest
from tests.integration.upload.pictures import MIB, encoded, huge_truncated_png, jpeg

SMALL = jpeg()
LARGE = jpeg() + bytes(11 * MIB)
"""Several parts, and a rest; what follows the end of a JPEG is no fault."""

modes = pytest.mark.parametrize("mode", MODES.values(), ids=MODES)


async def refused(mode: Mode, installed: Installation, data: bytes, **fields: str) -> Reason:
    with pytest.raises(PicstoreError) as caught:
        await mode(installed, data, **fields)
    assert await installed.catalog_rows("SELECT id FROM images WHERE upload_id IS NOT NULL") == []
    return caught.value.reason


async def content(installed: Installation, key: str) -> bytes:
    return b"".join([block async for block in installed.store.get_range(key)])


@modes
@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
async def test_the_same_bytes_make_the_same_picture(
    clean: Installation, mode: Mode, data: bytes
) -> None:
    image = await mode(clean, data, sha256=digest(data), content_type="image/jpeg")
    assert (image.sha256, image.size_bytes) == (digest(data), len(data))
    assert (image.width, image.height, image.format) == (120, 80, conversion_pb2.FORMAT_JPEG)
    assert image.state == Image.STATE_CONVERTING
    assert image.trailing_bytes == len(data) - len(SMALL)
    (row,) = await clean.catalog_rows("SELECT object_key FROM originals")
    assert await content(clean, row[0]) == data
    assert (await clean.store.stat(row[0])).content_type == "image/jpeg"


@modes
async def test_another_digest_is_refused(clean: Installation, mode: Mode) -> None:
    wrong = digest(b"something else")
    assert await refused(mode, clean, SMALL, sha256=wrong) is Reason.UPLOAD_DIGEST_WRONG


@modes
async def test_a_declared_type_that_lies_is_refused(clean: Installation, mode: Mode) -> None:
    reason = await refused(mode, clean, SMALL, content_type="image/png")
    assert reason is Reason.IMAGE_TYPE_MISMATCH


@modes
async def test_what_is_no_picture_is_refused(clean: Installation, mode: Mode) -> None:
    assert await refused(mode, clean, b"<html>" * 2_000) is Reason.IMAGE_UNRECOGNISED


@modes
async def test_a_file_that_was_cut_short_is_refused(clean: Installation, mode: Mode) -> None:
    assert await refused(mode, clean, SMALL[:-100]) is Reason.IMAGE_TRUNCATED
    assert await refused(mode, clean, huge_truncated_png(6 * MIB)) is Reason.IMAGE_TRUNCATED


@modes
async def test_too_many_pixels_are_refused(clean: Installation, mode: Mode) -> None:
    assert await refused(mode, clean, encoded(1_400, 1_000, ".png")) is Reason.LIMIT_PIXELS


@modes
async def test_too_many_bytes_are_refused(clean: Installation, mode: Mode) -> None:
    assert await refused(mode, clean, jpeg() + bytes(20 * MIB)) is Reason.LIMIT_BYTES


@modes
async def test_bytes_that_are_there_already_are_not_kept_twice(
    clean: Installation, mode: Mode
) -> None:
    first = await mode(clean, SMALL)
    assert (await mode(clean, SMALL)).id == first.id
    with pytest.raises(PicstoreError) as caught:
        await mode(clean, SMALL, on_duplicate=image_pb2.ON_DUPLICATE_REFUSE)
    assert caught.value.reason is Reason.IMAGE_DUPLICATE
    again = await mode(clean, SMALL, on_duplicate=image_pb2.ON_DUPLICATE_CREATE)
    assert again.id != first.id
