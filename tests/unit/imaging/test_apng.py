"""APNG: frames by their rules, told by a reference of its own; wrong ones are stills."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count, product
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from picstore_imaging import apng, canvas
from picstore_imaging.apng import Blend, Disposal
from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format
from picstore_imaging.integrity.verdict import parts
from picstore_imaging.limits import Limits
from picstore_imaging.profile import ColourPolicy, FormatRule
from picstore_kit.errors import InvalidArgument, Reason
from tests.hostile.png import chunk, png
from tests.pictures import animation
from tests.profiles import DISPLAY_P3
from tests.profiles import matrix_profile as build_profile

Pixels = npt.NDArray[np.uint8]
Convert = Callable[..., Any]
RunProbe = Callable[..., Probe]

WIDTH, HEIGHT = 24, 16
WEBP: Final = (FormatRule(format=Format.WEBP, lossless=True),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One frame as it is written."""

    pixels: Pixels
    left: int = 0
    top: int = 0
    delay: tuple[int, int] = (1, 10)
    disposal: int = Disposal.NONE
    blend: int = Blend.SOURCE


def build(
    parts: Sequence[Part], *, plays: int = 0, default: Pixels | None = None, extra: bytes = b""
) -> bytes:
    """Write an APNG in RGBA; a `default` image is no frame of it."""
    sequence = count()
    body = extra + chunk(b"acTL", struct.pack(">II", len(parts), plays))
    if default is not None:
        body += chunk(b"IDAT", packed(default))
    for number, part in enumerate(parts):
        height, width = part.pixels.shape[:2]
        body += chunk(
            b"fcTL",
            struct.pack(
                ">5IHHBB",
                next(sequence),
                width,
                height,
                part.left,
                part.top,
                *part.delay,
                part.disposal,
                part.blend,
            ),
        )
        data = packed(part.pixels)
        if number == 0 and default is None:
            body += chunk(b"IDAT", data)
            continue
        for piece in (data[:40], data[40:]):
            body += chunk(b"fdAT", struct.pack(">I", next(sequence)) + piece)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 6, 0, 0, 0)
    return apng.SIGNATURE + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def packed(pixels: Pixels) -> bytes:
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))


def noise(seed: int, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Pixels of any colour, some clear and some half so."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (height, width, 4), dtype=np.uint8)
    pixels[..., 3] = random.choice([0, 90, 200, 255], (height, width))
    return pixels


def expected(parts: Sequence[Part]) -> list[Pixels]:
    """Compose as the specification says, in floats."""
    shown, buffer = [], np.zeros((HEIGHT, WIDTH, 4))
    for part in parts:
        before = buffer.copy()
        height, width = part.pixels.shape[:2]
        place = (slice(part.top, part.top + height), slice(part.left, part.left + width))
        above, below = part.pixels.astype(float), buffer[place]
        if part.blend == Blend.OVER:
            over, under = above[..., 3:] / 255, below[..., 3:] / 255
            alpha = over + under * (1 - over)
            weighed = above[..., :3] * over + below[..., :3] * under * (1 - over)
            colour = np.divide(weighed, alpha, out=np.zeros_like(weighed), where=alpha > 0)
            above = np.concatenate([colour, alpha * 255], axis=-1)
        buffer[place] = above
        shown.append(buffer.round().astype(np.uint8))
        if part.disposal == Disposal.BACKGROUND:
            buffer[place] = 0
        elif part.disposal == Disposal.PREVIOUS:
            buffer = before
    return shown


def painted(data: bytes) -> list[Pixels]:
    found = apng.read(data, parts())
    assert found is not None
    return [np.asarray(image.numpy()) for image in canvas.painted(data, found)]


def visible(pixels: Pixels) -> npt.NDArray[np.float64]:
    """What is seen of pixels: the colour of a clear one is none."""
    whole = pixels.astype(float)
    whole[..., :3] *= whole[..., 3:] / 255
    return whole


@pytest.mark.parametrize(
    ("disposals", "blend"), list(product(product(Disposal, repeat=2), Blend)), ids=str
)
def test_frames_are_composed_as_the_specification_says(
    disposals: tuple[Disposal, Disposal], blend: Blend
) -> None:
    written = [
        Part(pixels=noise(1), disposal=disposals[0]),
        Part(pixels=noise(2, 9, 7), left=3, top=4, disposal=disposals[1], blend=blend),
        Part(pixels=noise(3, 11, 12), left=8, top=2, disposal=disposals[0], blend=blend),
        Part(pixels=noise(4, 5, 5), left=19, top=11, blend=blend),
    ]
    if disposals[0] is Disposal.PREVIOUS:
        reference = [replace(written[0], disposal=Disposal.BACKGROUND), *written[1:]]
    else:
        reference = written
    for found, wanted in zip(painted(build(written)), expected(reference), strict=True):
        assert np.abs(visible(found) - visible(wanted)).max() <= 2.1


def test_frames_of_a_hidden_default_image_begin_on_a_clear_canvas(
    convert: Convert, probe: RunProbe, tmp_path: Path
) -> None:
    red = np.full((HEIGHT, WIDTH, 4), (200, 0, 0, 255), np.uint8)
    blue = np.full((8, 8, 4), (0, 0, 200, 255), np.uint8)
    written = [Part(pixels=blue), Part(pixels=blue, left=16, top=8)]
    (path := tmp_path / "a").write_bytes(build(written, default=red))
    assert probe(path).frames == 2
    result = convert(path, formats=(*WEBP, FormatRule(format=Format.JPEG)))
    webp, jpeg = result.paths
    with Image.open(webp) as image:
        assert getattr(image, "n_frames", 1) == 2
        first = np.asarray(image.convert("RGBA"))
        assert first[4, 4].tolist() == [0, 0, 200, 255]
        assert first[4, 20, 3] == 0
    with Image.open(jpeg) as image:
        assert np.abs(np.asarray(image)[4, 4].astype(int) - (200, 0, 0)).max() < 9


def test_times_and_plays_are_read() -> None:
    delays = [(1, 10), (3, 0), (0, 7), (65_535, 1), (1, 60), (1, 3_000)]
    data = build([Part(pixels=noise(n), delay=delay) for n, delay in enumerate(delays)], plays=7)
    found = apng.read(data, parts())
    assert found is not None
    assert [frame.delay_ms for frame in found.frames] == [100, 30, 0, 65_535_000, 17, 0]
    assert found.plays == 7


@pytest.mark.parametrize("format", [Format.WEBP, Format.AVIF])
def test_times_and_plays_beyond_what_formats_can_say_are_shortened(
    format: Format, convert: Convert, probe: RunProbe, tmp_path: Path
) -> None:
    written = [Part(pixels=noise(n), delay=(65_535, 1)) for n in range(3)]
    (path := tmp_path / "a").write_bytes(build(written, plays=2**32 - 1))
    made = convert(path, formats=(FormatRule(format=format),)).paths[0]
    with Image.open(made) as image:
        assert getattr(image, "n_frames", 1) == 3


def test_disposals_and_times_reach_the_output(convert: Convert, tmp_path: Path) -> None:
    frames = [Image.new("RGBA", (40, 40), (0, 0, 0, 0)) for _ in range(3)]
    for number, frame in enumerate(frames):
        frame.paste((200, 0, 0, 255), (number * 10, 0, number * 10 + 10, 40))
    data = animation(frames, "PNG", duration=[100, 40, 900], disposal=1, blend=0, loop=2)
    (path := tmp_path / "a").write_bytes(data)
    with Image.open(convert(path, formats=WEBP).paths[0]) as image:
        assert image.info["loop"] == 2
        for number, delay in enumerate([100, 40, 900]):
            image.seek(number)
            image.load()
            assert image.info["duration"] == delay
            alpha = np.asarray(image.convert("RGBA"))[20, :, 3]
            assert set(np.flatnonzero(alpha)) == set(range(number * 10, number * 10 + 10))


def test_an_alpha_channel_that_hides_nothing_is_dropped(convert: Convert, tmp_path: Path) -> None:
    opaque = [np.full((HEIGHT, WIDTH, 4), (n * 60, 9, 9, 255), np.uint8) for n in range(3)]
    (path := tmp_path / "a").write_bytes(build([Part(pixels=pixels) for pixels in opaque]))
    with Image.open(convert(path, formats=WEBP).paths[0]) as image:
        assert (image.mode, getattr(image, "n_frames", 1)) == ("RGB", 3)


COLOUR_TYPES: Final = {
    "grey": "L",
    "two colours": "1",
    "palette": "P",
    "rgb": "RGB",
    "grey and alpha": "LA",
}


@pytest.mark.parametrize("name", COLOUR_TYPES)
def test_every_kind_of_pixels_is_read(name: str, convert: Convert, tmp_path: Path) -> None:
    x, y = np.meshgrid(np.arange(64), np.arange(48))
    cells = [((x + step * 9) // 8 + y // 8) % 5 * 50 for step in range(3)]
    drawn = [Image.fromarray(values.astype(np.uint8)) for values in cells]
    frames = [frame.convert(COLOUR_TYPES[name]) for frame in drawn]
    (path := tmp_path / "a").write_bytes(animation(frames, "PNG", duration=100))
    with Image.open(convert(path, formats=WEBP).paths[0]) as made:
        for number, frame in enumerate(frames):
            made.seek(number)
            wanted = np.asarray(frame.convert("RGB")).astype(int)
            assert np.abs(np.asarray(made.convert("RGB")) - wanted).max() <= 1, number


def test_sixteen_bits_become_eight(convert: Convert, tmp_path: Path) -> None:
    values = (np.arange(16)[:, None] * np.ones(24) * 4_000).astype(">u2")
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in values))
    control = struct.pack(">II5IHHBB", 1, 0, 0, 24, 16, 0, 0, 1, 10, 0, 0)
    announced, frame = chunk(b"acTL", struct.pack(">II", 2, 0)), chunk(b"fcTL", control[8:])
    more = chunk(b"fcTL", struct.pack(">5IHHBB", 1, 24, 16, 0, 0, 1, 10, 0, 0))
    more += chunk(b"fdAT", struct.pack(">I", 2) + rows)
    data = png(24, 16, depth=16, extra=announced + frame, idat=rows)
    (path := tmp_path / "a").write_bytes(data[:-12] + more + data[-12:])
    with Image.open(convert(path, formats=WEBP).paths[0]) as made:
        assert getattr(made, "n_frames", 1) in (1, 2)
        column = np.asarray(made.convert("RGB"))[:, 5, 1].astype(int)
    assert np.abs(column - np.arange(16) * 4_000 / 257).max() <= 1


def test_its_profile_is_of_every_frame(convert: Convert, tmp_path: Path) -> None:
    profile = build_profile("Display P3", DISPLAY_P3)
    iccp = chunk(b"iCCP", b"p\0\0" + zlib.compress(profile))
    green = np.full((HEIGHT, WIDTH, 4), (0, 200, 0, 255), np.uint8)
    written = [Part(pixels=green), Part(pixels=green // 2 + 100)]
    (path := tmp_path / "a").write_bytes(build(written, extra=iccp))
    kept = convert(path, formats=WEBP, colour=ColourPolicy.KEEP_WIDE).paths[0]
    with Image.open(kept) as image:
        assert image.info["icc_profile"]
        image.seek(1)
        second = np.asarray(image.convert("RGBA"))[0, 0].astype(int)
        assert np.abs(second - (100, 200, 100, 227)).max() <= 1


def broken() -> dict[str, bytes]:
    """Files whose default image is right, and whose frames are not."""
    whole = build([Part(pixels=noise(n)) for n in range(3)])
    second = whole.index(b"fcTL", whole.index(b"IDAT")) - 4
    control = whole[second : second + 38]
    announced = chunk(b"acTL", struct.pack(">II", 3, 0))

    def changed(place: int, value: bytes) -> bytes:
        payload = bytearray(control[8:-4])
        payload[place : place + len(value)] = value
        return whole.replace(control, chunk(b"fcTL", bytes(payload)))

    return {
        "a number left out": changed(0, struct.pack(">I", 2)),
        "a frame outside": changed(12, struct.pack(">I", 1)),
        "a frame of no width": changed(4, struct.pack(">I", 0)),
        "a frame wider than four bytes can add": changed(12, b"\xff\xff\xff\xff"),
        "a disposal that there is not": changed(24, b"\3"),
        "a blend that there is not": changed(25, b"\2"),
        "a frame too few": whole.replace(announced, chunk(b"acTL", struct.pack(">II", 4, 0))),
        "a frame too many": whole.replace(announced, chunk(b"acTL", struct.pack(">II", 2, 0))),
        "transparency twice": whole.replace(announced, announced + chunk(b"tRNS", b"") * 2),
        "a palette of too many colours": whole.replace(
            announced, announced + chunk(b"PLTE", bytes(771))
        ),
        "a second announcement": whole.replace(announced, announced * 2),
        "an announcement after the pixels": whole.replace(announced, b"")[:-12]
        + announced
        + whole[-12:],
        "a control cut short": whole.replace(control, chunk(b"fcTL", control[8:20])),
        "a frame without pixels": whole.replace(
            announced, chunk(b"acTL", struct.pack(">II", 4, 0))
        )[:-12]
        + chunk(b"fcTL", struct.pack(">5IHHBB", 7, 4, 4, 0, 0, 1, 10, 0, 0))
        + whole[-12:],
        "pixels of no frame": whole.replace(b"fcTL", b"teST"),
    }


@pytest.mark.parametrize("name", broken())
def test_wrong_frames_make_it_a_still(
    name: str, convert: Convert, probe: RunProbe, tmp_path: Path
) -> None:
    (path := tmp_path / "a").write_bytes(broken()[name])
    assert probe(path).frames == 1
    with Image.open(convert(path, formats=WEBP).paths[0]) as image:
        assert getattr(image, "n_frames", 1) == 1
        assert np.array_equal(
            visible(np.asarray(image.convert("RGBA"))).round(), visible(noise(0)).round()
        )


@pytest.mark.parametrize("frames", [301, 20_000])
def test_frames_are_limited_before_decoding(frames: int, probe: RunProbe, tmp_path: Path) -> None:
    dot = Part(pixels=np.zeros((1, 1, 4), np.uint8))
    (path := tmp_path / "a").write_bytes(build([Part(pixels=noise(0)), *[dot] * (frames - 1)]))
    with pytest.raises(InvalidArgument) as caught:
        probe(path)
    assert caught.value.reason is Reason.LIMIT_FRAMES


def test_pixels_of_all_frames_are_limited_before_decoding(probe: RunProbe, tmp_path: Path) -> None:
    written = [Part(pixels=noise(n)) for n in range(5)]
    (path := tmp_path / "a").write_bytes(build(written))
    limits = Limits(pixels_whole_decode=WIDTH * HEIGHT * 5)
    assert probe(path, limits=limits.to_json()).frames == 5
    with pytest.raises(InvalidArgument) as caught:
        probe(path, limits=replace(limits, pixels_whole_decode=WIDTH * HEIGHT * 5 - 1).to_json())
    assert caught.value.reason is Reason.LIMIT_PIXELS


def test_a_frame_that_is_damaged_is_the_pictures_fault(convert: Convert, tmp_path: Path) -> None:
    whole = build([Part(pixels=noise(n)) for n in range(3)])
    place = whole.rindex(b"fdAT") + 12
    (path := tmp_path / "a").write_bytes(whole[:place] + b"\0" * 20 + whole[place + 20 :])
    with pytest.raises(InvalidArgument) as caught:
        convert(path, formats=WEBP)
    assert caught.value.reason is Reason.IMAGE_CORRUPT


def test_files_of_frames_are_pictures_by_themselves() -> None:
    written = [Part(pixels=noise(n)) for n in range(2)]
    found = apng.read(data := build(written), parts())
    assert found is not None
    for file, part in zip(apng.files(data, found), written, strict=True):
        with Image.open(io.BytesIO(file)) as image:
            assert np.array_equal(np.asarray(image), part.pixels)
