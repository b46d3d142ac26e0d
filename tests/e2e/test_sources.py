"""What phones, scanners and old pages send becomes a picture of the page's formats."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
import pytest
from PIL import Image as Pictures

from picstore.catalog.v1.conversion_pb2 import (
    FORMAT_AVIF,
    FORMAT_GIF,
    FORMAT_HEIC,
    FORMAT_JPEG,
    FORMAT_TIFF,
    FORMAT_WEBP,
)
from picstore.catalog.v1.image_pb2 import Image, Output
from picstore_kit.ids import ImageId, ProjectId
from tests.pictures import animation, drawing, heic, photo
from tests.stack import LiveStack

pytestmark = pytest.mark.timeout(180)

WIDTH, HEIGHT = 400, 300
FRAMES = 3


def gif() -> bytes:
    frames = [drawing(WIDTH, HEIGHT, seed=f"e2e {number}") for number in range(FRAMES)]
    return animation(frames, "GIF", duration=80, loop=0)


SOURCES: Final[dict[str, tuple[int, int, Callable[[], bytes]]]] = {
    "gif": (FORMAT_GIF, FRAMES, gif),
    "tiff": (FORMAT_TIFF, 1, lambda: photo(WIDTH, HEIGHT, seed="e2e tiff", format="TIFF")),
    "heic": (FORMAT_HEIC, 1, lambda: heic(drawing(WIDTH, HEIGHT, seed="e2e heic"))),
}


async def upload(stack: LiveStack, project_id: ProjectId, path: Path) -> Image:
    async with stack.client() as client:
        image = await client.quick_upload(project_id, path)
        return await client.wait_ready(ImageId(image.id))


@pytest.mark.parametrize("name", SOURCES)
def test_another_source_becomes_a_picture(
    name: str, stack: LiveStack, project_id: ProjectId, tmp_path: Path
) -> None:
    format, frames, data = SOURCES[name]
    (path := tmp_path / f"a.{name}").write_bytes(data())
    image = asyncio.run(upload(stack, project_id, path))

    assert (image.format, image.frames) == (format, frames)
    assert (image.width, image.height) == (WIDTH, HEIGHT)
    ready = [output for output in image.outputs if output.state == Output.STATE_READY]
    assert {output.spec.format for output in ready} == {FORMAT_AVIF, FORMAT_WEBP, FORMAT_JPEG}
    for output in ready:
        with Pictures.open(io.BytesIO(httpx.get(output.url).content)) as picture:
            assert picture.size == (output.width, output.height)
            moves = output.spec.format in (FORMAT_AVIF, FORMAT_WEBP)
            assert getattr(picture, "n_frames", 1) == (frames if moves else 1)
