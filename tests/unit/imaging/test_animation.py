"""Animations move on where the output can, and show their first frame where it can't."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from picstore_imaging.cost import estimate_cpu_ms, is_dear
from picstore_imaging.facts import Probe, SourceFacts
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.plan import plan_outputs
from picstore_imaging.profile import Fit, FormatRule, Gravity, Profile, SizeRule
from picstore_kit.errors import InvalidArgument, Reason
from tests.pictures import animation

Convert = Callable[..., Any]
RunProbe = Callable[..., Probe]
Pixels = npt.NDArray[np.uint8]

COLOURS = [(220, 30, 30), (30, 220, 30), (30, 30, 220), (220, 220, 30)]
DELAYS = [100, 250, 40, 1_000]
WEBP = (FormatRule(format=Format.WEBP, lossless=True),)


def frames(width: int = 80, height: int = 60) -> list[Image.Image]:
    """One of each colour, with a white block that wanders."""
    drawn = []
    for number, colour in enumerate(COLOURS):
        frame = Image.new("RGB", (width, height), colour)
        frame.paste((255, 255, 255), (number * 20, 0, number * 20 + 20, 30))
        drawn.append(frame)
    return drawn


def sources() -> dict[str, bytes]:
    return {
        "GIF": animation(frames(), "GIF", duration=DELAYS, loop=0),
        "WEBP": animation(frames(), "WEBP", duration=DELAYS, loop=0, lossless=True),
        "PNG": animation(frames(), "PNG", duration=DELAYS, loop=0),
    }


def shown(path: Path) -> tuple[list[Pixels], list[int]]:
    """Decode every frame, and how long it stands, by Pillow."""
    pixels, delays = [], []
    with Image.open(path) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            pixels.append(np.asarray(image.convert("RGB")))
            delays.append(int(image.info.get("duration", 0)))
    return pixels, delays


@pytest.mark.parametrize("source", ["GIF", "WEBP", "PNG"])
def test_every_frame_its_time_and_the_loop_are_kept(
    source: str, convert: Convert, tmp_path: Path
) -> None:
    (path := tmp_path / "a").write_bytes(sources()[source])
    made = convert(path, formats=WEBP, sizes=(SizeRule(width=40),)).paths[0]
    pixels, delays = shown(made)
    assert delays == DELAYS
    for number, frame in enumerate(frames()):
        expected = np.asarray(frame.resize((40, 30), Image.Resampling.LANCZOS)).astype(int)
        assert np.abs(pixels[number] - expected).mean() < 2, number
    with Image.open(made) as image:
        assert image.size == (40, 30)
        assert image.info["loop"] == 0


@pytest.mark.parametrize(
    ("source", "given"),
    [("GIF", [0, 10, 20]), ("WEBP", [1, 10, 11]), ("PNG", [0, 10, 11])],
)
@pytest.mark.parametrize("format", [Format.WEBP, Format.AVIF])
def test_times_that_browsers_do_not_believe_are_what_they_take_them_for(
    source: str, given: list[int], format: Format, convert: Convert, tmp_path: Path
) -> None:
    (path := tmp_path / "a").write_bytes(animation(frames()[:3], source, duration=given, loop=0))
    _, delays = shown(convert(path, formats=(FormatRule(format=format),)).paths[0])
    assert delays == [100, 100, given[-1]]


@pytest.mark.parametrize("loop", [1, 5])
def test_a_film_that_ends_still_does(loop: int, convert: Convert, tmp_path: Path) -> None:
    data = animation(frames(), "WEBP", duration=DELAYS, loop=loop)
    (path := tmp_path / "a").write_bytes(data)
    with Image.open(convert(path, formats=WEBP).paths[0]) as image:
        assert image.info["loop"] == loop


@pytest.mark.parametrize("source", ["GIF", "WEBP", "PNG"])
@pytest.mark.parametrize("format", [Format.JPEG, Format.PNG])
def test_a_format_that_stands_still_shows_the_first_frame(
    source: str,
    format: Format,
    convert: Convert,
    decoded: Callable[[Path], Pixels],
    tmp_path: Path,
) -> None:
    (path := tmp_path / "a").write_bytes(sources()[source])
    result = convert(path, formats=(FormatRule(format=format), *WEBP))
    assert result.events[0]["dominant_colour"] == "#dc1e1e"
    still = decoded(next(p for p in result.paths if p.suffix == f".{format.extension}"))
    assert still.shape[:2] == (60, 80)
    assert np.abs(still[50, 70, :3].astype(int) - COLOURS[0]).max() < 12


@pytest.mark.parametrize("gravity", [Gravity.EAST, Gravity.ATTENTION])
def test_every_frame_is_cropped_at_the_same_place(
    gravity: Gravity, convert: Convert, tmp_path: Path
) -> None:
    busy = frames()
    for frame in busy:
        frame.paste((0, 0, 0), (60, 40, 62, 60))
    (path := tmp_path / "a").write_bytes(animation(busy, "WEBP", duration=DELAYS, lossless=True))
    rule = SizeRule(width=40, height=60, fit=Fit.COVER, gravity=gravity)
    pixels, _ = shown(convert(path, formats=WEBP, sizes=(rule,)).paths[0])
    places = {tuple(np.flatnonzero((frame[55] < 20).all(axis=1))) for frame in pixels}
    assert len(pixels) == 4
    assert len(places) == 1


def test_frames_are_padded_each(convert: Convert, tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(sources()["WEBP"])
    rule = SizeRule(width=60, height=60, fit=Fit.CONTAIN)
    pixels, _ = shown(convert(path, formats=WEBP, sizes=(rule,), background="#102030").paths[0])
    assert [frame.shape for frame in pixels] == [(60, 60, 3)] * 4
    for number, frame in enumerate(pixels):
        assert frame[2, 30].tolist() == [16, 32, 48]
        assert np.abs(frame[45, 55].astype(int) - COLOURS[number]).max() <= 2


def test_a_transparent_animation_stays_transparent(convert: Convert, tmp_path: Path) -> None:
    drawn = []
    for number in range(3):
        frame = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
        frame.paste((200, 0, 0, 255), (number * 10, 0, number * 10 + 10, 40))
        frame.paste((0, 0, 0, 0), (number * 10 + 2, 2, number * 10 + 4, 30))
        drawn.append(frame)
    data = animation(drawn, "GIF", duration=100, disposal=2)
    (path := tmp_path / "a").write_bytes(data)
    with Image.open(convert(path, formats=WEBP).paths[0]) as image:
        assert getattr(image, "n_frames", 1) == 3
        for number in range(3):
            image.seek(number)
            alpha = np.asarray(image.convert("RGBA"))[20, :, 3]
            opaque = {number * 10 + at for at in (0, 1, 4, 5, 6, 7, 8, 9)}
            assert set(np.flatnonzero(alpha).tolist()) == opaque


def test_an_animation_of_one_frame_is_a_still(convert: Convert, tmp_path: Path) -> None:
    frames()[0].save(path := tmp_path / "a", "GIF")
    assert len(shown(convert(path, formats=WEBP).paths[0])[0]) == 1


def gif_of(count: int, *, side: int = 1, canvas: int = 1) -> bytes:
    """A GIF of many frames, each of a few bytes and all transparent."""
    screen = canvas.to_bytes(2, "little") * 2 + b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    frame = b"," + bytes(4) + side.to_bytes(2, "little") * 2 + b"\0\2\2L\1\0"
    return b"GIF89a" + screen + frame * count + b";"


@pytest.mark.parametrize(
    ("count", "canvas", "reason"),
    [
        (301, 1, Reason.LIMIT_FRAMES),
        (400_000, 1, Reason.LIMIT_FRAMES),
        (300, 500, Reason.LIMIT_PIXELS),
        (1, 60_000, Reason.LIMIT_SIDE),
    ],
)
def test_frames_and_their_pixels_are_limited_before_decoding(
    count: int, canvas: int, reason: Reason, probe: RunProbe, tmp_path: Path
) -> None:
    (path := tmp_path / "a").write_bytes(gif_of(count, side=canvas, canvas=canvas))
    with pytest.raises(InvalidArgument) as caught:
        probe(path)
    assert caught.value.reason is reason


def test_as_many_frames_as_are_allowed_are_converted(convert: Convert, tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(gif_of(300, canvas=20))
    assert convert(path, formats=WEBP).outputs[0]["width"] == 20


def test_what_moves_costs_by_its_frames() -> None:
    facts = SourceFacts(format=SourceFormat.GIF, width=800, height=600, frames=100)
    formats = tuple(FormatRule(format=format) for format in (Format.WEBP, Format.JPEG))
    webp, jpeg = (
        planned.spec
        for planned in plan_outputs(Profile(formats=formats, sizes=(SizeRule(),)), facts)
    )
    assert facts.animated
    assert estimate_cpu_ms(webp, frames=100) > 100 * estimate_cpu_ms(webp)
    assert estimate_cpu_ms(jpeg, frames=100) == estimate_cpu_ms(jpeg)
    assert is_dear(webp, frames=100)
    assert not is_dear(webp)


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("lossless", [False, True])
def test_what_pages_prefer_never_freezes_what_moves(frames: int, lossless: bool) -> None:
    facts = SourceFacts(format=SourceFormat.GIF, width=80, height=60, frames=frames)
    avif = FormatRule(format=Format.AVIF, lossless=lossless)
    others = (FormatRule(format=Format.JPEG), FormatRule(format=Format.PNG))

    def skipped(*formats: FormatRule) -> list[Reason | None]:
        profile = Profile(formats=formats, sizes=(SizeRule(),))
        return [output.skipped for output in plan_outputs(profile, facts)]

    freezes = Reason.WOULD_FREEZE if frames > 1 and lossless else None
    assert skipped(avif, *WEBP, *others) == [freezes, None, None, None]
    assert skipped(avif, *others) == [None, None, None], "there is none that it could freeze"
    only = FormatRule(format=Format.WEBP, only_from=frozenset({SourceFormat.JPEG}))
    assert skipped(avif, only) == [None, Reason.CONDITION_NOT_MET]


def test_a_lossless_avif_does_not_stand_among_those_that_move() -> None:
    facts = SourceFacts(format=SourceFormat.PNG, width=80, height=60, frames=2)
    rules = (FormatRule(format=Format.AVIF, lossless=True), FormatRule(format=Format.AVIF))
    profile = Profile(formats=rules, sizes=(SizeRule(),))
    assert [output.skipped for output in plan_outputs(profile, facts)] == [
        Reason.WOULD_FREEZE,
        None,
    ]


def test_pages_and_an_avif_do_not_move() -> None:
    for format in (SourceFormat.TIFF, SourceFormat.HEIC, SourceFormat.AVIF):
        assert not SourceFacts(format=format, width=9, height=9, frames=3).animated
