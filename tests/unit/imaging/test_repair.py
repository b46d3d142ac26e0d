"""AVIF files whose headers are slightly wrong are read as browsers read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
from PIL import Image

from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.profile import FormatRule, SizeRule
from picstore_imaging.repair import with_avif_brands
from picstore_kit.errors import InvalidArgument, Reason

Pixels = npt.NDArray[np.uint8]
RunProbe = Callable[..., Probe]


@pytest.fixture(scope="module")
def good() -> bytes:
    picture = pyvips.Image.new_from_array(np.full((48, 64, 3), (200, 100, 30), np.uint8))
    data: bytes = picture.heifsave_buffer(compression="av1", effort=0)
    return data


def boxes(data: bytes) -> dict[bytes, bytes]:
    """The boxes at the top, whole, by their types."""
    found, at = {}, 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found[data[at + 4 : at + 8]] = data[at : at + size]
        at += size
    return found


def ftyp(major: bytes, *compatible: bytes, minor: bytes = bytes(4)) -> bytes:
    payload = major + minor + b"".join(compatible)
    return (8 + len(payload)).to_bytes(4, "big") + b"ftyp" + payload


def moved(meta: bytes, by: int) -> bytes:
    """Move where `iloc`, as libheif writes it, says that the items lie."""
    base = meta.index(b"iloc") + 16
    for _ in range(2):
        offset = int.from_bytes(meta[base : base + 4], "big") + by
        meta = meta[:base] + offset.to_bytes(4, "big") + meta[base + 4 :]
        base += 18
    return meta


def with_brands(major: bytes, *compatible: bytes, minor: bytes = bytes(4)) -> Callable[..., bytes]:
    def build(data: bytes) -> bytes:
        parts = boxes(data)
        head = ftyp(major, *compatible, minor=minor)
        meta = moved(parts[b"meta"], len(head) - len(parts[b"ftyp"]))
        return head + meta + parts[b"mdat"]

    return build


def meta_last(data: bytes) -> bytes:
    parts = boxes(data)
    meta = moved(parts[b"meta"], -len(parts[b"meta"]))
    return parts[b"ftyp"] + parts[b"mdat"] + meta


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def build(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new)

    return build


def endless_mdat(data: bytes) -> bytes:
    at = data.rindex(b"mdat") - 4
    return data[:at] + bytes(4) + data[at + 4 :]


VARIANTS: dict[str, Callable[[bytes], bytes]] = {
    "as it should be": lambda data: data,
    "mif1 as the major brand": with_brands(b"mif1", b"mif1", b"avif", b"miaf"),
    "mif1 alone": with_brands(b"mif1", b"mif1"),
    "neither mif1 nor avif among the compatible": with_brands(b"mif1", b"miaf"),
    "no mif1 and no miaf": with_brands(b"avif", b"avif"),
    "only miaf beside avif": with_brands(b"avif", b"miaf"),
    "no compatible brand at all": with_brands(b"avif"),
    "brands of a sequence": with_brands(b"msf1", b"msf1", b"avif"),
    "brand of a sequence as the major one": with_brands(b"avis", b"avif", b"mif1"),
    "a minor version": with_brands(b"avif", b"mif1", b"avif", minor=b"\0\0\2\0"),
    "no pixi": replaced(b"pixi", b"free"),
    "a named handler": replaced(b"pict" + bytes(12), b"pict" + b"abcdefgh" + bytes(4)),
    "meta after mdat": meta_last,
    "mdat without a length": endless_mdat,
}


@pytest.mark.parametrize("name", VARIANTS)
def test_an_avif_that_browsers_show_is_converted(
    name: str,
    good: bytes,
    probe: RunProbe,
    convert: Callable[..., object],
    tmp_path: Path,
) -> None:
    (path := tmp_path / "a.avif").write_bytes(VARIANTS[name](good))
    probed = probe(path, declared_type="image/avif")
    assert (probed.format, probed.width, probed.height) == (SourceFormat.AVIF, 64, 48)
    made = convert(path, formats=(FormatRule(format=Format.PNG),), sizes=(SizeRule(),))
    with Image.open(made.paths[0]) as image:  # type: ignore[attr-defined]
        assert image.size == (64, 48)
        pixel = np.asarray(image.convert("RGB"))[24, 32].astype(int)
    assert np.abs(pixel - [200, 100, 30]).max() <= 4


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_cut_in_half_is_still_truncated(
    name: str, good: bytes, probe: RunProbe, tmp_path: Path
) -> None:
    data = VARIANTS[name](good)
    (path := tmp_path / "a.avif").write_bytes(data[: len(data) // 2])
    with pytest.raises(InvalidArgument) as caught:
        probe(path)
    assert caught.value.reason is Reason.IMAGE_TRUNCATED


@pytest.mark.parametrize("gone", [b"av1C", b"ispe", b"pitm"])
def test_an_avif_without_what_decoding_needs_is_corrupt(
    gone: bytes, good: bytes, probe: RunProbe, tmp_path: Path
) -> None:
    (path := tmp_path / "a.avif").write_bytes(good.replace(gone, b"free"))
    with pytest.raises(InvalidArgument) as caught:
        probe(path)
    assert caught.value.reason is Reason.IMAGE_CORRUPT


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\0\0\x10ftyp", b"\0\0\0\x11ftyp" + bytes(9), b"\0\0\0\x08ftyp", b"\0\0\1\0ftypavif"],
)
def test_what_has_no_brands_is_not_repaired(data: bytes) -> None:
    assert with_avif_brands(data) is None


@pytest.mark.parametrize("room", [0, 1, 2, 3, 9])
def test_a_repair_writes_over_brands_or_adds_one(room: int, good: bytes) -> None:
    compatible: Sequence[bytes] = [b"abcd"] * room
    broken = with_brands(b"none", *compatible)(good)
    repaired = with_avif_brands(broken)
    assert repaired is not None
    assert len(repaired) == len(broken) + (0 if room else 4)
    assert repaired[8:12] == b"avif"
    assert repaired[16:20] == b"avif"
