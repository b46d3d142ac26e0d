"""What phones, scanners and old pages send is converted: HEIC, TIFF, GIF.

What is made of them is compared with what another library decodes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
import tifffile
from PIL import Image, ImageCms

from picstore_imaging import heic as heic_reader
from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.profile import FormatRule, SizeRule
from picstore_kit.errors import InvalidArgument, PicstoreError, Reason
from tests.hostile import heif
from tests.pictures import heic, similarity, tiled_heic
from tests.profiles import DISPLAY_P3

Photo = Callable[[int, int], Image.Image]
RunProbe = Callable[..., Probe]
Convert = Callable[..., Any]
Pixels = npt.NDArray[np.uint8]

PNG = (FormatRule(format=Format.PNG),)


@pytest.fixture
def made(convert: Convert, tmp_path: Path) -> Callable[..., Pixels]:
    """Convert bytes to a PNG of the same size or a width, and decode that by Pillow."""

    def run(data: bytes, *, width: int | None = None) -> Pixels:
        (path := tmp_path / "source").write_bytes(data)
        result = convert(path, formats=PNG, sizes=(SizeRule(width=width),))
        with Image.open(result.paths[0]) as image:
            return np.asarray(image)

    return run


Made = Callable[..., Pixels]


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def tiff(pixels: npt.NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def test_a_heic_is_as_another_decoder_says(photo: Photo, made: Made) -> None:
    data = heic(photo(300, 200), quality=80)
    reference = np.asarray(pillow_heif.open_heif(data).to_pillow().convert("RGB"))
    assert similarity(made(data), reference) > 0.999


def test_a_heic_larger_than_what_the_allocator_keeps_is_whole(photo: Photo, made: Made) -> None:
    picture = photo(500, 375).resize((2_000, 1_500))
    data = heic(picture, quality=40)
    reference = np.asarray(picture.resize((500, 375), Image.Resampling.LANCZOS))
    assert similarity(made(data, width=500), reference) > 0.95


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_is_turned_once(
    orientation: int, exif: Callable[..., bytes], made: Made, probe: RunProbe, tmp_path: Path
) -> None:
    upright = Image.new("RGB", (128, 64), (230, 230, 230))
    upright.paste((200, 0, 0), (0, 0, 64, 32))
    data = heic(upright, quality=90, exif=exif(orientation=orientation))
    shown = pillow_heif.open_heif(data).to_pillow().convert("RGB")
    (path := tmp_path / "a").write_bytes(data)
    probed = probe(path)
    assert (probed.width, probed.height) == shown.size
    assert probed.orientation == 1
    assert similarity(made(data), np.asarray(shown)) > 0.98


def test_a_heic_keeps_its_alpha(made: Made) -> None:
    picture = Image.new("RGBA", (64, 64), (10, 200, 30, 255))
    picture.paste((10, 200, 30, 0), (0, 0, 32, 64))
    pixels = made(heic(picture, quality=90))
    assert pixels.shape == (64, 64, 4)
    assert pixels[32, 8, 3] < 16
    assert pixels[32, 56, 3] > 240


def test_a_heic_of_ten_bits_is_read(made: Made, probe: RunProbe, tmp_path: Path) -> None:
    wide = np.full((48, 64, 3), (600, 300, 900), np.uint16)
    buffer = io.BytesIO()
    pillow_heif.from_bytes("RGB;10", (64, 48), wide.tobytes()).save(buffer, quality=90, chroma=444)
    (path := tmp_path / "a").write_bytes(buffer.getvalue())
    probed = probe(path)
    assert (probed.format, probed.bit_depth, probed.bands) == (SourceFormat.HEIC, 10, 3)
    assert np.abs(made(buffer.getvalue())[24, 32].astype(int) - [150, 75, 225]).max() <= 3


def test_the_profile_of_a_heic_is_applied(
    photo: Photo, made: Made, matrix_profile: Callable[..., bytes]
) -> None:
    profile = matrix_profile("Display P3", DISPLAY_P3)
    picture = Image.new("RGB", (64, 48), (200, 60, 60))
    data = heic(picture, quality=95, chroma=444, icc_profile=profile)
    expected = ImageCms.profileToProfile(
        picture,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert expected is not None
    reference = np.asarray(expected)[24, 32].astype(int)
    assert np.abs(made(data)[24, 32].astype(int) - reference).max() <= 4
    assert np.abs(reference - [200, 60, 60]).max() > 8


def test_a_grey_heic_becomes_an_ordinary_picture(made: Made) -> None:
    assert made(heic(Image.new("L", (64, 48), 77), quality=95)).shape == (48, 64, 3)


def test_the_primary_picture_of_several_is_taken(made: Made) -> None:
    file = pillow_heif.HeifFile()  # type: ignore[no-untyped-call]  # ships types in part
    file.add_from_pillow(Image.new("RGB", (64, 64), (200, 0, 0)))
    file.add_from_pillow(Image.new("RGB", (96, 48), (0, 0, 200)))
    buffer = io.BytesIO()
    file.save(buffer, primary_index=1)
    pixels = made(buffer.getvalue())
    assert pixels.shape == (48, 96, 3)
    assert pixels[24, 48, 2] > 180


def test_a_heic_made_of_tiles_is_put_together(photo: Photo, made: Made) -> None:
    data = tiled_heic(photo(128, 64))
    reference = np.asarray(photo(128, 64))
    assert similarity(made(data), reference) > 0.9


def test_a_damaged_heic_is_corrupt(photo: Photo, made: Made) -> None:
    data = bytearray(heic(photo(300, 200)))
    at = bytes(data).index(b"hvcC") + 4
    data[at : at + 40] = b"\xff" * 40
    with pytest.raises(InvalidArgument) as caught:
        made(bytes(data))
    assert caught.value.reason is Reason.IMAGE_CORRUPT


@pytest.mark.parametrize("many", [100, 5_000])
def test_a_heic_of_more_parts_than_libheif_takes_is_corrupt(
    many: int, photo: Photo, made: Made
) -> None:
    inside = b""
    for _ in range(many):
        inside = (12 + len(inside)).to_bytes(4, "big") + b"meta\0\0\0\0" + inside
    with pytest.raises(InvalidArgument) as caught:
        made(heic(photo(96, 64)) + inside)
    assert caught.value.reason is Reason.IMAGE_CORRUPT


def test_a_heic_cropped_without_sense_is_corrupt(made: Made) -> None:
    cases = {case.name: case for case in heif.cases()}
    with pytest.raises(InvalidArgument) as caught:
        made(cases["heic with a crop beyond its edges"].make())
    assert caught.value.reason is Reason.IMAGE_CORRUPT


def test_an_old_libheif_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heic_reader, "VERSION_FLOOR", (99, 0, 0))
    with pytest.raises(heic_reader.LibheifTooOld, match=r"99\.0\.0 or later is needed"):
        heic_reader.configure()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"bigtiff": True, "byteorder": ">"},
        {"tile": (64, 64)},
        {"compression": "zlib", "predictor": True},
        {"rowsperstrip": 7},
    ],
)
def test_a_tiff_is_as_it_was_written(options: dict[str, Any], photo: Photo, made: Made) -> None:
    pixels = np.asarray(photo(200, 150))
    np.testing.assert_array_equal(made(tiff(pixels, photometric="rgb", **options)), pixels)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_a_tiff_of_every_kind_of_pixels_becomes_an_ordinary_picture(
    mode: str, photo: Photo, made: Made
) -> None:
    picture = photo(64, 48)
    if mode == "I;16":
        deep = (np.asarray(picture.convert("L")).astype(np.uint16)) * 257
        data, expected = tiff(deep), np.asarray(picture.convert("L").convert("RGB"))
    else:
        data = saved(picture.convert(mode), "TIFF")
        expected = np.asarray(picture.convert(mode).convert("RGB"))
    pixels = made(data)
    assert pixels.shape == (48, 64, 3)
    if mode != "CMYK":  # Pillow converts without a profile, the pipeline with one.
        assert np.abs(pixels.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("kind", "scale"), [("float32", 1 / 255), ("uint32", 2**24 + 2**16 + 2**8 + 1), ("int16", 257)]
)
@pytest.mark.parametrize("shape", [(), (3,)])
def test_samples_of_every_kind_are_read(
    kind: str, scale: float, shape: tuple[int, ...], made: Made
) -> None:
    values = np.linspace(0, 120, 64 * 48).reshape(48, 64).round()
    pixels = np.broadcast_to(values[..., None], (48, 64, 3)) if shape else values
    data = tiff((pixels * scale).astype(kind), photometric="rgb" if shape else "minisblack")
    if kind == "float32":  # light, of which sRGB gives the dark more room
        share = values / 255
        values = (
            np.where(share < 0.0031308, 12.92 * share, 1.055 * share ** (1 / 2.4) - 0.055) * 255
        )
    found = made(data)
    assert found.shape == (48, 64, 3)
    assert np.abs(found.astype(int) - values[..., None]).max() <= 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tiff(np.ones((8, 8), np.complex64)), "of complex numbers"),
        (tiff(np.ones((8, 8), np.float64)), "of more than 32 bits for each sample"),
        (
            tiff(np.ones((8, 8, 3), np.uint8), photometric="cielab"),
            r"in CIE L\*a\*b\* of 8 bits",
        ),
        (tiff(np.ones((8, 8, 3), np.uint8), photometric="icclab"), r"in ICC L\*a\*b\*"),
        (tiff(np.ones((8, 8, 3), np.uint8), photometric="itulab"), r"in ITU L\*a\*b\*"),
        (tiff(np.ones((8, 8), np.uint8), photometric="cfa"), "in a sensor's colours"),
        (saved(Image.new("RGB", (8, 8)), "TIFF", compression="lzma"), "compressed by method 34925"),
        (saved(Image.new("RGB", (8, 8)), "TIFF", compression="zstd"), "compressed by method 50000"),
    ],
)
def test_a_tiff_that_cannot_be_decoded_is_refused_before_it_is_stored(
    data: bytes, words: str, probe: RunProbe, tmp_path: Path
) -> None:
    (path := tmp_path / "a").write_bytes(data)
    with pytest.raises(InvalidArgument, match=f"a TIFF {words} is not accepted") as caught:
        probe(path)
    assert caught.value.reason is Reason.IMAGE_FORMAT_UNSUPPORTED


@pytest.mark.parametrize(
    ("extra", "alpha"),
    [
        (["UNSPECIFIED"], None),
        (["UNASSALPHA"], 0),
        (["UNSPECIFIED"] * 3, None),
        (["UNSPECIFIED", "UNASSALPHA"], 1),
        (["UNASSALPHA", "UNSPECIFIED"], 0),
    ],
)
@pytest.mark.parametrize("space", ["rgb", "minisblack"])
def test_what_a_tiff_has_beyond_colour_and_alpha_is_left_out(
    extra: list[str], alpha: int | None, space: str, made: Made
) -> None:
    colour, others = ((200, 90, 40) if space == "rgb" else (70,)), (60, 120, 180)[: len(extra)]
    pixels = np.full((48, 64, len(colour) + len(extra)), (*colour, *others), np.uint8)
    found = made(tiff(pixels, photometric=space, planarconfig="contig", extrasamples=extra))
    shown = colour if space == "rgb" else colour * 3
    assert found[24, 32].tolist() == [*shown, *(() if alpha is None else (others[alpha],))]


def test_what_colours_of_a_tiff_are_multiplied_by_is_divided_out(made: Made) -> None:
    pixels = np.full((48, 64, 4), (100, 50, 25, 128), np.uint8)
    found = made(tiff(pixels, photometric="rgb", extrasamples=["ASSOCALPHA"]))[24, 32]
    assert np.abs(found.astype(int) - (199, 100, 50, 128)).max() <= 1


def test_the_recipe_tells_of_lab(convert: Convert, tmp_path: Path) -> None:
    data = tiff(np.full((48, 64, 3), (53.585, 0, 0), np.float32), photometric="cielab")
    (path := tmp_path / "a").write_bytes(data)
    (output,) = convert(path, formats=PNG).outputs
    assert "Lab → sRGB" in output["recipe"]["steps"]


@pytest.mark.parametrize("kind", ["float32", "uint16"])
def test_lab_may_be_transparent(kind: str, made: Made) -> None:
    full, scale = (1, (1, 1, 1)) if kind == "float32" else (65_535, (655.35, 256, 256))
    grey = np.multiply((53.585, 0, 0), scale)
    pixels = np.full((48, 64, 4), (*grey, full), kind)
    pixels[:, :32, 3] = 0
    found = made(tiff(pixels, photometric="cielab", extrasamples=["UNASSALPHA"]))
    assert found[24, 8, 3] == 0
    assert np.abs(found[24, 56].astype(int) - (128, 128, 128, 255)).max() <= 1


def test_a_tiff_of_dozens_of_channels_is_refused_before_it_is_decoded(made: Made) -> None:
    pixels = np.zeros((48, 64, 64), np.uint8)
    with pytest.raises(InvalidArgument) as caught:
        made(tiff(pixels, photometric="rgb", planarconfig="contig"))
    assert caught.value.reason is Reason.IMAGE_FORMAT_UNSUPPORTED
    assert caught.value.metadata == {"actual": "64", "limit": "8"}


def test_the_first_page_of_a_tiff_is_converted(photo: Photo, made: Made) -> None:
    pages = [photo(64, 48), photo(32, 24)]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(made(data), np.asarray(pages[0]))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_tiff_is_turned_upright(orientation: int, made: Made) -> None:
    stored = Image.new("RGB", (80, 48), (240, 240, 240))
    stored.paste((200, 0, 0), (0, 0, 40, 24))
    turn = {
        3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_270,
        8: Image.Transpose.ROTATE_90,
    }
    expected = stored.transpose(turn[orientation]) if orientation in turn else stored
    data = saved(stored, "TIFF", tiffinfo={274: orientation})
    np.testing.assert_array_equal(made(data), np.asarray(expected))


@pytest.mark.parametrize("interlace", [0, 1])
def test_a_gif_is_as_another_decoder_says(interlace: int, photo: Photo, made: Made) -> None:
    data = saved(photo(120, 80), "GIF", interlace=interlace)
    with Image.open(io.BytesIO(data)) as image:
        reference = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(made(data), reference)


def test_a_transparent_gif_stays_transparent(made: Made) -> None:
    picture = Image.new("P", (20, 10), 1)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.paste(0, (0, 0, 10, 10))
    pixels = made(saved(picture, "GIF", transparency=0))
    assert pixels[5, 3, 3] == 0
    assert pixels[5, 15].tolist() == [0, 0, 255, 255]


SOURCES: dict[str, Callable[[Image.Image], bytes]] = {
    "gif": lambda image: saved(image, "GIF"),
    "tiff": lambda image: saved(image, "TIFF"),
    "heic": lambda image: heic(image),
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_format_is_made_of_every_source(
    name: str, photo: Photo, convert: Convert, decoded: Callable[[Path], Pixels], tmp_path: Path
) -> None:
    (path := tmp_path / "a").write_bytes(SOURCES[name](photo(200, 150)))
    formats = tuple(FormatRule(format=format) for format in Format)
    result = convert(path, formats=formats, sizes=(SizeRule(width=100),))
    reference = np.asarray(photo(200, 150).resize((100, 75), Image.Resampling.LANCZOS))
    for output in result.paths:
        assert similarity(decoded(output)[..., :3], reference) > 0.8, output.name


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_cut_at_any_tenth_is_refused_as_truncated(
    name: str, photo: Photo, probe: RunProbe, tmp_path: Path
) -> None:
    data = SOURCES[name](photo(200, 150))
    path = tmp_path / "a"
    for tenth in range(1, 10):
        path.write_bytes(data[: len(data) * tenth // 10])
        with pytest.raises(PicstoreError) as caught:
            probe(path)
        assert caught.value.reason is Reason.IMAGE_TRUNCATED, f"{tenth}/10"


@pytest.mark.parametrize("name", SOURCES)
def test_what_follows_a_picture_changes_nothing(
    name: str, photo: Photo, made: Made, probe: RunProbe, tmp_path: Path
) -> None:
    data = SOURCES[name](photo(64, 48))
    (path := tmp_path / "a").write_bytes(data + b"\0 more")
    assert probe(path).trailing_bytes == 6
    np.testing.assert_array_equal(made(data + b"\0 more"), made(data))


@pytest.mark.parametrize("name", SOURCES)
def test_a_lying_sender_is_told_what_was_found(
    name: str, photo: Photo, probe: RunProbe, tmp_path: Path
) -> None:
    (path := tmp_path / "a").write_bytes(SOURCES[name](photo(64, 48)))
    assert probe(path, declared_type=f"image/{name}").format == name
    with pytest.raises(InvalidArgument) as caught:
        probe(path, declared_type="image/webp")
    assert caught.value.reason is Reason.IMAGE_TYPE_MISMATCH
    assert caught.value.metadata == {"declared": "image/webp", "found": f"image/{name}"}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"bytes": 100}, Reason.LIMIT_BYTES),
        ({"side": 63}, Reason.LIMIT_SIDE),
        ({"pixels": 64 * 48 - 1}, Reason.LIMIT_PIXELS),
        ({"pixels_whole_decode": 64 * 48 - 1}, Reason.LIMIT_PIXELS),
    ],
)
def test_what_is_over_a_limit_is_refused_by_header(
    name: str,
    limits: dict[str, int],
    reason: Reason,
    photo: Photo,
    probe: RunProbe,
    tmp_path: Path,
) -> None:
    (path := tmp_path / "a").write_bytes(SOURCES[name](photo(64, 48)))
    with pytest.raises(InvalidArgument) as caught:
        probe(path, limits=limits)
    assert caught.value.reason is reason
