"""AVIF that moves: judged by dav1d in Pillow's plugin, and by what its boxes say."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from picstore_imaging.avif import AvifEncoder, film_settings
from picstore_imaging.cost import estimate_cpu_ms, estimate_memory_bytes, is_dear
from picstore_imaging.encoders import svt
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.profile import FormatRule, MetadataPolicy, SizeRule
from picstore_imaging.rules import Chroma, EncoderOptions
from picstore_imaging.sequence import with_plays
from tests.pictures import animation, drawing, similarity
from tests.unit.imaging.conftest import AVIF_SPEC

Convert = Callable[..., Any]
Pixels = npt.NDArray[np.uint8]

AVIF = (FormatRule(format=Format.AVIF),)
TIMES = [100, 250, 40, 1_000, 70]
FRAMES = [drawing(200, 120, seed=f"film {number}") for number in range(5)]


def clear_frames() -> list[Image.Image]:
    """Red squares that wander over what is clear, half of each half so."""
    drawn = []
    for number in range(5):
        frame = Image.new("RGBA", (200, 120), (0, 0, 0, 0))
        frame.paste((200, 20, 20, 255), (number * 30, 20, number * 30 + 60, 60))
        frame.paste((200, 20, 20, 128), (number * 30, 60, number * 30 + 60, 100))
        drawn.append(frame)
    return drawn


def shown(path: Path, mode: str = "RGB") -> list[tuple[Pixels, int]]:
    """Decode every frame, and how long it stands."""
    with Image.open(path) as image:
        found = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            found.append((np.asarray(image.convert(mode)), int(image.info["duration"])))
    return found


def boxes(data: bytes, *path: bytes) -> Iterator[bytes]:
    """Yield what lies in the boxes of that path."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == path[0]:
            inside = data[at + 8 : at + size]
            yield from boxes(inside, *path[1:]) if len(path) > 1 else (inside,)
        at += size


def plays(data: bytes) -> list[float]:
    """Say for each track how often it is shown, as ISO 14496-12 has it; infinity for ever."""
    found = []
    for track in boxes(data, b"moov", b"trak"):
        (header,), (edit,) = boxes(track, b"tkhd"), boxes(track, b"edts", b"elst")
        assert header[0] == edit[0] == 1
        (whole,), (once,) = struct.unpack_from(">Q", header, 28), struct.unpack_from(">Q", edit, 8)
        (film,) = (struct.unpack_from(">Q", movie, 24) for movie in boxes(data, b"moov", b"mvhd"))
        assert film == (whole,)
        repeats = edit[3] & 1
        found.append((float("inf") if whole == 2**64 - 1 else whole / once) if repeats else 1)
    return found


@pytest.mark.parametrize("source", ["GIF", "WEBP", "PNG"])
def test_frames_and_times_are_kept(source: str, convert: Convert, tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(animation(FRAMES, source, duration=TIMES, loop=0))
    made = convert(path, formats=AVIF, sizes=(SizeRule(width=100),)).paths[0]
    assert made.read_bytes()[4:12] == b"ftypavis"
    frames = shown(made)
    assert [delay for _, delay in frames] == TIMES
    for (pixels, _), frame in zip(frames, FRAMES, strict=True):
        expected = np.asarray(frame.resize((100, 60), Image.Resampling.LANCZOS))
        assert similarity(pixels, expected) > 0.8
    assert plays(made.read_bytes()) == [float("inf")]


@pytest.mark.parametrize("loop", [1, 2, 7, 65_535])
@pytest.mark.parametrize("alpha", [False, True])
def test_it_is_shown_as_often_as_the_source(
    loop: int, alpha: bool, convert: Convert, tmp_path: Path
) -> None:
    frames = clear_frames() if alpha else FRAMES
    (path := tmp_path / "a").write_bytes(animation(frames, "PNG", duration=TIMES, loop=loop))
    data = convert(path, formats=AVIF).paths[0].read_bytes()
    assert plays(data) == [loop] * (2 if alpha else 1)


@pytest.mark.parametrize("source", ["WEBP", "PNG"])
def test_alpha_moves_with_the_picture(source: str, convert: Convert, tmp_path: Path) -> None:
    options = {"lossless": True} if source == "WEBP" else {"disposal": 1}
    data = animation(clear_frames(), source, duration=TIMES, **options)
    (path := tmp_path / "a").write_bytes(data)
    frames = shown(convert(path, formats=AVIF).paths[0], "RGBA")
    assert len(frames) == len(TIMES)
    for number, (pixels, _) in enumerate(frames):
        left = number * 30
        assert np.abs(pixels[40, left + 30].astype(int) - (200, 20, 20, 255)).max() < 12, number
        assert abs(int(pixels[80, left + 30, 3]) - 128) < 8, number
        assert pixels[10, :, 3].max() < 8
        assert pixels[40, (left + 100) % 200, 3] < 8 or left + 100 >= 200


def test_no_time_at_all_is_as_long_as_browsers_take_it(convert: Convert, tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(animation(FRAMES, "GIF", duration=0))
    assert {delay for _, delay in shown(convert(path, formats=AVIF).paths[0])} == {100}


@pytest.mark.parametrize("size", [(1, 1), (3, 70), (5, 5), (64, 2), (33, 47), (16, 400)])
def test_small_and_odd_sizes_are_made(
    size: tuple[int, int], convert: Convert, tmp_path: Path
) -> None:
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    frames = [Image.new("RGB", size, colour) for colour in colours]
    (path := tmp_path / "a").write_bytes(animation(frames, "WEBP", duration=90, lossless=True))
    found = shown(convert(path, formats=AVIF).paths[0])
    for (pixels, _), colour in zip(found, colours, strict=True):
        assert pixels.shape[:2] == (size[1], size[0])
        assert np.abs(pixels.astype(int) - colour).max() < 16


@pytest.mark.parametrize(
    "options", [EncoderOptions(chroma=Chroma.FULL), EncoderOptions(bit_depth=10)], ids=str
)
def test_options_hold_as_far_as_they_can(
    options: EncoderOptions, convert: Convert, tmp_path: Path
) -> None:
    (path := tmp_path / "a").write_bytes(animation(FRAMES[:2], "GIF", duration=90))
    rule = FormatRule(format=Format.AVIF, options=options)
    made = convert(path, formats=(rule,)).paths[0].read_bytes()
    full = options.chroma is Chroma.FULL
    (config,) = (made[at + 4 : at + 8] for at in (made.index(b"av1C"),))
    assert config[0] == 0x81
    assert (config[2] & 0x0C == 0) is full, "4:4:4 has no subsampling"
    assert not config[2] & 0x40, "eight bits"


def test_the_same_source_makes_the_same_bytes(convert: Convert, tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(animation(FRAMES, "GIF", duration=TIMES))
    first, second = (convert(path, formats=AVIF).outputs[0]["sha256"] for _ in range(2))
    assert first == second


def test_what_is_kept_of_metadata_is_in_the_file(
    convert: Convert, exif: Callable[..., bytes], tmp_path: Path
) -> None:
    data = animation(FRAMES, "WEBP", duration=TIMES, exif=exif())
    (path := tmp_path / "a").write_bytes(data)
    kept = convert(path, formats=AVIF, metadata=MetadataPolicy.KEEP_COPYRIGHT).paths[0]
    with Image.open(kept) as image:
        assert image.getexif()[0x8298].rstrip("\0") == "(c) somebody"
    with Image.open(convert(path, formats=AVIF).paths[0]) as image:
        assert not image.getexif()


def test_libaom_tries_where_svt_fails(
    convert: Convert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = svt.open_encoder

    def failing(*arguments: Any, **options: Any) -> Any:
        opened.append(options["codec"])
        if options["codec"] == "svt":
            raise RuntimeError
        return real(*arguments, **options)

    monkeypatch.setattr(svt, "open_encoder", failing)
    (path := tmp_path / "a").write_bytes(animation(FRAMES[:2], "GIF", duration=90))
    assert len(shown(convert(path, formats=AVIF).paths[0])) == 2
    assert opened == ["svt", "aom"]


def test_large_frames_are_made_by_the_encoder_that_takes_less_memory() -> None:
    small = replace(AVIF_SPEC, width=1280, height=720)
    large = replace(AVIF_SPEC, width=1920, height=1080)
    assert film_settings(small, has_alpha=False).encoder is AvifEncoder.SVT
    assert film_settings(small, has_alpha=True).encoder is AvifEncoder.AOM
    assert film_settings(large, has_alpha=False).encoder is AvifEncoder.AOM


def test_what_it_costs_grows_with_its_frames() -> None:
    spec = replace(AVIF_SPEC, width=480, height=320)
    still = SourceFacts(format=SourceFormat.PNG, width=480, height=320)
    film = replace(still, frames=100)
    assert estimate_cpu_ms(spec, frames=100) > 20 * estimate_cpu_ms(spec)
    assert is_dear(spec, frames=100)
    assert not is_dear(spec, frames=10)
    assert estimate_memory_bytes(film, [spec]) > estimate_memory_bytes(still, [spec])


def test_a_file_without_the_boxes_stays_as_it_is() -> None:
    assert with_plays(b"", 3) == b""
    buffer = io.BytesIO()
    FRAMES[0].save(buffer, "AVIF", speed=10)
    assert with_plays(buffer.getvalue(), 3) == buffer.getvalue()
