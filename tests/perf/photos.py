"""The photos that benchmarks convert: yours, or else a drawn one."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Final

import pyvips

from picstore_imaging import sandboxed
from picstore_kit.errors import InvalidArgument

VARIABLE: Final = "PICSTORE_BENCH_PHOTOS"

PIXELS: Final = range(12_000_000, 24_000_001)
"""What cameras and telephones make."""

MEDIUM_WIDTH: Final = 2400

TASK_SIZE: Final = (2725, 2225)
"""Of the photo in sharp's own benchmark."""


class NoPhotos(Exception):
    """The folder that was named has none that fits."""


def photos(work_dir: Path) -> list[Path]:
    """Return the JPEGs of 12 to 24 MP in the folder `PICSTORE_BENCH_PHOTOS`; unset, draw one.

    Raises:
        NoPhotos: The variable is set, but there is no such file.
    """
    directory = os.environ.get(VARIABLE)
    if not directory:
        return [draw_photo(work_dir / "drawn.jpg")]
    found = [path for path in _jpegs(Path(directory)) if math.prod(_size(path)) in PIXELS]
    if not found:
        raise NoPhotos(
            f"{VARIABLE}={directory} has no JPEG of 12 to 24 MP; "
            "name another folder, or unset it to measure with a drawn photo"
        )
    return found


def task_photo(work_dir: Path) -> Path:
    """Return the photo that sharp publishes its figures of, or one of its size.

    That is a JPEG of 2725 x 2225 in the folder `PICSTORE_BENCH_PHOTOS`; a drawn one where there is
    none.
    """
    directory = os.environ.get(VARIABLE)
    if directory:
        for path in _jpegs(Path(directory)):
            if _size(path) == TASK_SIZE:
                return path
    return draw_photo(work_dir / "task.jpg", *TASK_SIZE)


def medium_photo(work_dir: Path) -> Path:
    """Return the first of the photos at 2400 px of width, as people put them on the web.

    Raises:
        NoPhotos: As for `photos`.
    """
    path = work_dir / "medium.jpg"
    image = pyvips.Image.thumbnail(str(photos(work_dir)[0]), MEDIUM_WIDTH)
    image.jpegsave(str(path), Q=88)
    return path


def draw_photo(path: Path, width: int = 4000, height: int = 3000) -> Path:
    """Write a JPEG of 12 MP with a photo's spectrum: the finer the detail, the fainter."""
    light = _perlin(width, height, octaves=range(2, 11), strength=90)
    bands = [
        light + _perlin(width, height, octaves=range(8, 11), strength=40, seed=band) + 110
        for band in range(1, 4)
    ]
    grain = pyvips.Image.gaussnoise(width, height, mean=0, sigma=2, seed=1)
    photo = (bands[0].bandjoin(bands[1:]) + grain).cast("uchar").copy(interpretation="srgb")
    photo.jpegsave(str(path), Q=90)
    return path


def tiled(photo: Path, path: Path, width: int, height: int) -> Path:
    """Write a larger baseline JPEG: the photo as often as it takes, beside and below itself."""
    image = pyvips.Image.jpegload(str(photo)).copy_memory()
    across, down = -(-width // image.width), -(-height // image.height)
    image.replicate(across, down).crop(0, 0, width, height).jpegsave(str(path), Q=90)
    return path


def _perlin(
    width: int, height: int, *, octaves: range, strength: float, seed: int = 0
) -> pyvips.Image:
    total = pyvips.Image.black(width, height)
    for octave in octaves:
        noise = pyvips.Image.perlin(width, height, cell_size=2**octave, seed=seed * 16 + octave)
        total = total + noise * (strength * 2.0 ** (octave - octaves[-1]))
    return total


def _jpegs(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.[jJ][pP]*[gG]"))


def _size(path: Path) -> tuple[int, int]:
    """Upright; nothing for what is no picture."""
    try:
        probe = sandboxed.probe_file({"path": str(path)}, _ignore)
    except InvalidArgument:
        return 0, 0
    return int(probe["width"]), int(probe["height"])


def _ignore(event: dict[str, Any]) -> None:
    """Take the place of the pipe to the parent."""
