"""Gain maps: dropped without a trace, or kept with every crop, as libultrahdr reads them."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
from PIL import Image

from picstore_imaging import mpf, vips, xmp
from picstore_imaging.blocks import XMP_MARK
from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format
from picstore_imaging.profile import (
    ColourPolicy,
    Fit,
    FormatRule,
    GainMapPolicy,
    Gravity,
    MetadataPolicy,
    SizeRule,
)
from picstore_imaging.rules import EncoderOptions
from picstore_imaging.ultra_hdr import Gain, joined
from tests.pictures import drawing

Convert = Callable[..., Any]
RunProbe = Callable[..., Probe]
Light = npt.NDArray[np.float32]

JPEG: Final = (FormatRule(format=Format.JPEG, quality=92),)
KEEP: Final = GainMapPolicy.KEEP
TRACES: Final = (b"hdrgm", b"hdr-gain-map", b"urn:iso:std:iso:ts:21496", b"MPF\0", b"photos/1.0")


@contextmanager
def unblocked() -> Iterator[None]:
    """Let libvips open anything, as a viewer would."""
    pyvips.operation_block_set("VipsForeignLoadUhdr", False)
    try:
        yield
    finally:
        pyvips.operation_block_set("VipsForeignLoadUhdr", True)


@cache
def light() -> Light:
    """A scene of 640 x 480 with a sun, at the right, that is eight times as bright as white."""
    y, x = np.mgrid[:480, :640].astype(np.float32)
    scene = np.stack([0.1 + x / 900, 0.1 + y / 700, 0.3 + 0 * x], axis=-1)
    sun = np.exp(-((x - 480) ** 2 + (y - 160) ** 2) / 9_000)[..., None]
    return np.asarray(scene + 7 * sun * (1.0, 0.9, 0.6), np.float32)


def ultra_hdr(scene: Light) -> bytes:
    """An Ultra HDR as libultrahdr writes it: with the metadata of ISO 21496-1."""
    image = pyvips.Image.new_from_array(scene).copy(interpretation="scrgb")
    data: bytes = image.uhdrsave_buffer(Q=95)
    return data


@cache
def whole() -> bytes:
    return ultra_hdr(light())


def segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    at = 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        yield jpeg[at + 1], jpeg[at + 4 : end]
        at = end


def without(jpeg: bytes, mark: bytes) -> bytes:
    """Take out the segments that begin with a mark."""
    for marker, data in segments(jpeg):
        if data.startswith(mark):
            jpeg = jpeg.replace(struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data, b"", 1)
    return jpeg


def pieces(jpeg: bytes) -> tuple[bytes, bytes]:
    """Cut a file of two pictures by its index."""
    (index,) = (data for _, data in segments(jpeg) if data.startswith(mpf.MARK))
    primary, second = (struct.unpack(">IIIHH", index[at : at + 16]) for at in (54, 70))
    start = jpeg.index(index) + len(mpf.MARK) + second[2]
    assert (primary[2], primary[1], start + second[1]) == (0, start, len(jpeg))
    return jpeg[:start], jpeg[start:]


def older() -> bytes:
    """The same, as phones wrote it before: with XMP alone."""
    primary, second = pieces(whole())
    numbers = gain()
    made = joined(
        without(without(primary, b"urn:iso"), mpf.MARK),
        without(second, b"urn:iso"),
        numbers,
        channels=1,
    )
    first, behind = pieces(made)
    cut = without(behind, b"urn:iso")
    directory = next(data for _, data in segments(first) if data.startswith(XMP_MARK))
    told = re.sub(rb'Length="\d+"', b'Length="%d"' % len(cut), directory)
    first = without(first, b"urn:iso").replace(segment(directory), segment(told))
    index_at = first.index(mpf.MARK) + len(mpf.MARK)
    index = mpf.index(primary_bytes=len(first), start=index_at, second_bytes=len(cut))
    return first[:index_at] + index + first[index_at + len(index) :] + cut


def segment(data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, 0xE1, len(data) + 2) + data


def gain() -> Gain:
    with unblocked():
        found = pyvips.Image.uhdrload_buffer(whole())
    return Gain(
        min_boost=(found.get("gainmap-min-content-boost")[0],),
        max_boost=(found.get("gainmap-max-content-boost")[0],),
        gamma=(1.0,),
        offset_sdr=(0.0,),
        offset_hdr=(0.0,),
        capacity_min=found.get("gainmap-hdr-capacity-min"),
        capacity_max=found.get("gainmap-hdr-capacity-max"),
    )


def shown(data: bytes) -> Light:
    """Decode to light, as a display with all the headroom there is shows it."""
    with unblocked():
        image = pyvips.Image.uhdrload_buffer(data)
        assert "gainmap-data" in image.get_fields()
        return np.asarray(image.uhdr2scRGB().numpy())


def off(found: Light, wanted: Light) -> float:
    """Say how far light is off, on average, in stops."""
    floor = 0.05
    return float(np.abs(np.log2((found.clip(0) + floor) / (wanted.clip(0) + floor))).mean())


def shrunk(scene: Light, width: int, height: int) -> Light:
    image = pyvips.Image.new_from_array(scene)
    resized = image.resize(width / image.width, vscale=height / image.height)
    return np.asarray(resized.numpy())


@pytest.mark.parametrize("make", [whole, older], ids=["ISO 21496-1", "XMP"])
def test_a_gain_map_that_is_kept_is_scaled_with_the_picture(
    make: Callable[[], bytes], convert: Convert, tmp_path: Path
) -> None:
    (path := tmp_path / "a").write_bytes(make())
    sizes = tuple(SizeRule(width=width) for width in (640, 320, 99))
    for made in convert(path, formats=JPEG, sizes=sizes, gain_map=KEEP).paths:
        found = shown(made.read_bytes())
        height, width = found.shape[:2]
        assert off(found, shrunk(light(), width, height)) < 0.12
        assert found.max() > 4, "the sun is no brighter than white"
        second = Image.open(io.BytesIO(pieces(made.read_bytes())[1]))
        assert second.size == (round(width / 2), round(height / 2))


@pytest.mark.parametrize("gravity", [Gravity.WEST, Gravity.EAST, Gravity.ATTENTION])
def test_it_is_cropped_with_the_picture(gravity: Gravity, convert: Convert, tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(whole())
    rule = SizeRule(width=240, height=240, fit=Fit.COVER, gravity=gravity)
    made = convert(path, formats=JPEG, sizes=(rule,), gain_map=KEEP).paths[0]
    found, scene = shown(made.read_bytes()), shrunk(light(), 320, 240)
    candidates = [off(found, scene[:, left : left + 240]) for left in range(0, 81, 4)]
    assert min(candidates) < 0.12
    best = 4 * int(np.argmin(candidates))
    assert {Gravity.WEST: best == 0, Gravity.EAST: best == 80}.get(gravity, True)


def test_padding_is_no_brighter_than_it_is(convert: Convert, tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(whole())
    rule = SizeRule(width=200, height=200, fit=Fit.CONTAIN)
    made = convert(path, formats=JPEG, sizes=(rule,), gain_map=KEEP).paths[0]
    found = shown(made.read_bytes())
    assert np.abs(found[5:15, 20:180] - 1).max() < 0.05
    assert off(found[25:175], shrunk(light(), 200, 150)) < 0.15


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_with_the_picture(orientation: int, convert: Convert, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    block = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    primary, second = pieces(whole())
    stored = without(without(primary, b"Exif"), mpf.MARK)
    data = joined(
        stored[:2] + segment(block) + stored[2:], without(second, b"urn:iso"), gain(), channels=1
    )
    (path := tmp_path / "a").write_bytes(data)
    made = convert(path, formats=JPEG, gain_map=KEEP).paths[0]
    turned = {
        1: lambda scene: scene,
        2: lambda scene: scene[:, ::-1],
        3: lambda scene: scene[::-1, ::-1],
        4: lambda scene: scene[::-1],
        5: lambda scene: scene.swapaxes(0, 1),
        6: lambda scene: scene.swapaxes(0, 1)[:, ::-1],
        7: lambda scene: scene.swapaxes(0, 1)[::-1, ::-1],
        8: lambda scene: scene.swapaxes(0, 1)[::-1],
    }[orientation](light())
    assert off(shown(made.read_bytes()), turned) < 0.12


def test_other_displays_see_the_same_whether_it_is_kept_or_dropped(
    convert: Convert, decoded: Callable[[Path], Any], tmp_path: Path
) -> None:
    (path := tmp_path / "a").write_bytes(whole())
    kept = decoded(convert(path, formats=JPEG, gain_map=KEEP).paths[0])
    dropped = decoded(convert(path, formats=JPEG).paths[0])
    assert np.array_equal(kept, dropped)
    pyvips_sdr = np.asarray(pyvips.Image.jpegload_buffer(whole()).icc_transform("srgb").numpy())
    assert np.abs(dropped.astype(int) - pyvips_sdr).mean() < 2


@pytest.mark.parametrize("make", [whole, older], ids=["ISO 21496-1", "XMP"])
@pytest.mark.parametrize("metadata", MetadataPolicy)
def test_what_is_dropped_leaves_no_trace(
    make: Callable[[], bytes],
    metadata: MetadataPolicy,
    convert: Convert,
    probe: RunProbe,
    tmp_path: Path,
) -> None:
    (path := tmp_path / "a").write_bytes(make())
    formats = tuple(FormatRule(format=format) for format in Format)
    for made in convert(path, formats=formats, metadata=metadata).paths:
        data = made.read_bytes()
        assert not [trace for trace in TRACES if trace in data], made
        if made.suffix == ".jpg":
            assert data.count(b"\xff\xd8\xff") == 1
            assert probe(made).trailing_bytes == 0
            with Image.open(made) as image:
                assert image.format == "JPEG"


def test_only_a_jpeg_keeps_it(convert: Convert, tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(whole())
    formats = tuple(FormatRule(format=f) for f in (Format.PNG, Format.WEBP, Format.AVIF))
    for made in convert(path, formats=formats, gain_map=KEEP).paths:
        assert not [trace for trace in TRACES if trace in made.read_bytes()], made


def test_what_is_kept_besides_stays_where_it_is(convert: Convert, tmp_path: Path) -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        b'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:rights="mine"/></rdf:RDF></x:xmpmeta>'
    )
    primary, second = pieces(whole())
    stored = without(primary, mpf.MARK)
    joined_up = joined(
        stored[:2] + segment(XMP_MARK + packet) + stored[2:],
        without(second, b"urn:iso"),
        gain(),
        channels=1,
    )
    (path := tmp_path / "a").write_bytes(joined_up)
    policies = {"metadata": MetadataPolicy.KEEP_ALL, "colour": ColourPolicy.KEEP_WIDE}
    made = convert(path, formats=JPEG, gain_map=KEEP, **policies).paths[0].read_bytes()
    packets = [data for _, data in segments(made) if data.startswith(XMP_MARK)]
    assert len(packets) == 1
    assert b"mine" in packets[0]
    assert packets[0].count(b"hdrgm:Version") == 1
    with Image.open(io.BytesIO(made)) as image:
        assert image.info["icc_profile"]
    assert shown(made).max() > 4


def test_the_options_of_the_encoder_hold(convert: Convert, tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(whole())
    options = EncoderOptions(progressive=True)
    rule = FormatRule(format=Format.JPEG, options=options)
    made = convert(path, formats=(rule,), gain_map=KEEP).paths[0]
    with Image.open(made) as image:
        assert image.info["progressive"]
    assert shown(made.read_bytes()).max() > 4


def test_a_map_of_three_channels_is_kept_as_such(convert: Convert, tmp_path: Path) -> None:
    base, numbers = drawing(320, 240, seed="three"), gain()
    buffers = io.BytesIO(), io.BytesIO()
    base.save(buffers[0], "JPEG", quality=95)
    drawing(160, 120, seed="gains").save(buffers[1], "JPEG", quality=95)
    many = replace(
        numbers,
        min_boost=(1.0, 0.9, 0.8),
        max_boost=(2.0, 3.0, 4.0),
        gamma=(1.0, 1.1, 1.2),
        offset_sdr=(0.01, 0.02, 0.03),
        offset_hdr=(0.03, 0.02, 0.01),
        capacity_max=4.0,
    )
    data = joined(buffers[0].getvalue(), buffers[1].getvalue(), many, channels=3)
    (path := tmp_path / "a").write_bytes(data)
    made = convert(path, formats=JPEG, gain_map=KEEP).paths[0].read_bytes()
    with unblocked():
        found = pyvips.Image.uhdrload_buffer(made)
    for name, wanted in (
        ("min-content-boost", many.min_boost),
        ("max-content-boost", many.max_boost),
        ("gamma", many.gamma),
        ("offset-sdr", many.offset_sdr),
        ("offset-hdr", many.offset_hdr),
    ):
        assert found.get(f"gainmap-{name}") == pytest.approx(list(wanted), rel=1e-4), name
    assert Image.open(io.BytesIO(pieces(made)[1])).mode == "RGB"


def test_further_pictures_of_the_file_are_no_trailing_bytes(
    probe: RunProbe, tmp_path: Path
) -> None:
    (path := tmp_path / "a").write_bytes(whole())
    assert probe(path).trailing_bytes == 0
    path.write_bytes(whole() + b"video" * 100)
    assert probe(path).trailing_bytes == 500
    first, second = pieces(whole())
    path.write_bytes(without(first, mpf.MARK) + second)
    assert probe(path).trailing_bytes == len(second), "nothing says that it belongs to the file"
    path.write_bytes(whole()[:-100])
    assert probe(path).trailing_bytes == len(second) - 100, "it is not where the index says"


def test_a_panorama_of_pillow_has_no_trailing_bytes(probe: RunProbe, tmp_path: Path) -> None:
    path = tmp_path / "a"
    pages = [drawing(64, 48, seed=f"page {n}") for n in range(2)]
    pages[0].save(path, "MPO", save_all=True, append_images=pages[1:])
    assert probe(path).trailing_bytes == 0


def test_a_picture_without_one_is_as_ever(convert: Convert, tmp_path: Path) -> None:
    drawing(320, 240, seed="plain").save(path := tmp_path / "a", "JPEG", quality=95)
    made = convert(path, formats=JPEG, gain_map=KEEP).paths[0].read_bytes()
    assert made == convert(path, formats=JPEG).paths[0].read_bytes()


@pytest.mark.parametrize("name", ["cut", "noise", "large", "numbers"])
def test_a_map_that_cannot_be_read_is_left_out(name: str, convert: Convert, tmp_path: Path) -> None:
    first, second = pieces(whole())
    at = second.index(b"\xff\xc0")
    values = second.index(b"urn:iso") + 33
    broken = {
        "cut": second[: len(second) // 2],
        "noise": second[:600] + bytes(len(second) - 600),
        "large": second[: at + 5] + b"\xff\xff\xff\xff" + second[at + 9 :],
        "numbers": second[:values] + bytes(80) + second[values + 80 :],
    }[name]
    (path := tmp_path / "a").write_bytes(first + broken)
    made = convert(path, formats=JPEG, gain_map=KEEP).paths[0].read_bytes()
    with Image.open(io.BytesIO(made)) as image:
        image.load()
    assert mpf.MARK not in made


def test_the_loader_is_blocked_when_it_is_not_called(tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(whole())
    vips.configure()
    assert vips.open_ultra_hdr(path).get("vips-loader") == "uhdrload"
    with pytest.raises(pyvips.Error):
        pyvips.Image.uhdrload(str(path))


def test_an_index_that_lies_is_bounded() -> None:
    lying = b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 0xB002, 7, 2**32 - 1, 8) * 20
    assert mpf.pictures_end(lying, 0) >= 0
    for length in range(len(lying)):
        mpf.pictures_end(lying[:length], 0)


def test_no_xmp_of_a_gain_map_stays_without_it() -> None:
    first, _ = pieces(older())
    (packet,) = (data for _, data in segments(first) if data.startswith(XMP_MARK))
    kept = xmp.rewritten(packet.removeprefix(XMP_MARK), MetadataPolicy.KEEP_ALL, keep_gps=True)
    assert kept is None


def test_numbers_that_cannot_be_computed_with_are_no_gain() -> None:
    assert gain().is_sound
    for wrong in (float("nan"), float("inf"), 0.0, -1.0):
        assert not replace(gain(), max_boost=(wrong,)).is_sound
    assert not replace(gain(), gamma=(1.0, 1.0, 1.0)).is_sound
