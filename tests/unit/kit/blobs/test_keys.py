"""Object keys: harmless whatever a file is called, and the same for the same content."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from picstore_kit.blobs.base import check_key
from picstore_kit.blobs.keys import (
    MAX_NAME_BYTES,
    content_type_of,
    extension_of,
    is_original_of,
    original_key,
    output_key,
    output_prefix,
    public_url,
    sanitise_filename,
    sanitise_location,
    stem_of,
)
from picstore_kit.errors import InvalidField
from picstore_kit.ids import ImageId

IMAGE = ImageId("img_01jk3a7z9vf9r8m2c4n6p8q0rs")
DIGEST = "0a1b2c3d4e5f" + "0" * 52


@pytest.mark.parametrize(
    ("name", "sanitised"),
    [
        ("photo.jpg", "photo.jpg"),
        ("My Photo (1).JPG", "My-Photo-1.JPG"),
        ("C:\\Users\\me\\cat.png", "cat.png"),
        ("../../etc/passwd", "passwd"),
        ("..", "image"),
        ("", "image"),
        ("日本語の写真.webp", "日本語の写真.webp"),
        ("Mu\u0308nchen.jpg", "M\u00fcnchen.jpg"),
        (".htaccess", "htaccess"),
        ("a\x00b\r\nc.gif", "a-b-c.gif"),
        ("a\u202egpj.exe", "a-gpj.exe"),
        ("\uff0e\uff0e\uff0fx.png", "x.png"),
        ("a?b=c&d#e%2e%2e.png", "a-b-c-d-e-2e-2e.png"),
    ],
)
def test_sanitise_filename(name: str, sanitised: str) -> None:
    assert sanitise_filename(name) == sanitised


@given(st.text(max_size=300))
@example("." * 300)
@example("é" * 200 + ".jpeg")
@example("x" + "\u0301" * 200)
def test_a_sanitised_name_is_one_harmless_segment(name: str) -> None:
    clean = sanitise_filename(name)
    assert clean not in ("", ".", "..")
    assert not clean.startswith((".", "-"))
    assert ".." not in clean
    assert len(clean.encode()) <= MAX_NAME_BYTES
    assert all(c in "-_.~" or unicodedata.category(c)[0] in "LMN" for c in clean)
    assert sanitise_filename(clean) == clean


@given(st.text(alphabet="abc ", min_size=120, max_size=200))
def test_a_long_name_keeps_its_extension(name: str) -> None:
    assert sanitise_filename(f"z{name}z.jpeg").endswith(".jpeg")


names = st.text(max_size=80)


@given(project=names, path=names, filename=names, generation=st.integers(1, 10**6))
def test_keys_are_valid_in_every_store_and_end_in_our_parts(
    project: str, path: str, filename: str, generation: int
) -> None:
    original = original_key(
        project=project, path=path, image=IMAGE, generation=generation, filename=filename
    )
    folder, name = check_key(original).rsplit("/", 1)
    assert re.search(rf"(^|/){IMAGE}/{generation}-[a-z2-7]{{8}}$", folder)
    assert name == sanitise_filename(filename)
    assert is_original_of(IMAGE, original)
    prefix = output_prefix(project=project, path=path, image=IMAGE, filename=filename)
    assert check_key(prefix).endswith(f"{stem_of(filename)}-{IMAGE}")


def test_output_key_reads_as_designed() -> None:
    prefix = output_prefix(project="shop", path="/cats/2024/", image=IMAGE, filename="My cat.jpg")
    assert prefix == f"shop/cats/2024/My-cat-{IMAGE}"
    assert (
        output_key(prefix, width=800, height=600, sha256=DIGEST, format="avif")
        == f"{prefix}/800x600-0a1b2c3d4e.avif"
    )
    assert (
        output_key(prefix, width=1600, height=1200, sha256=DIGEST, format="jpeg", density=2)
        == f"{prefix}/1600x1200@2x-0a1b2c3d4e.jpg"
    )


def test_empty_project_and_path_leave_no_empty_segments() -> None:
    key = original_key(project="", path="", image=IMAGE, generation=3, filename="a.png")
    assert re.fullmatch(rf"{IMAGE}/3-[a-z2-7]{{8}}/a\.png", key)


def test_two_originals_of_one_generation_have_keys_of_their_own() -> None:
    keys = {
        original_key(project="", path="", image=IMAGE, generation=1, filename="a.png")
        for _ in range(1000)
    }
    assert len(keys) == 1000


@pytest.mark.parametrize(
    "key",
    ["", "a.png", f"{IMAGE}/a.png", f"other/1-x/{IMAGE}", f"{IMAGE}/1-x/y/a.png", f"x{IMAGE}/1/a"],
)
def test_what_lies_elsewhere_is_no_original_of_the_picture(key: str) -> None:
    assert not is_original_of(IMAGE, key)


@pytest.mark.parametrize("format_", ["jpeg", "png", "webp", "avif"])
def test_every_output_format_has_a_type_and_an_extension(format_: str) -> None:
    assert content_type_of(format_) == f"image/{format_}"
    assert re.fullmatch(r"[a-z]{3,4}", extension_of(format_))


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="'bmp2'"):
        content_type_of("bmp2")


@pytest.mark.parametrize("base", ["https://cdn.example.org/pics", "https://cdn.example.org/pics/"])
def test_public_url_has_one_slash_between_base_and_key(base: str) -> None:
    assert public_url(base, "a/b@2x.avif") == "https://cdn.example.org/pics/a/b@2x.avif"


@given(names, names)
def test_public_url_is_ascii_and_leads_to_the_key(path: str, filename: str) -> None:
    prefix = output_prefix(project="shop", path=path, image=IMAGE, filename=filename)
    key = output_key(prefix, width=1, height=1, sha256=DIGEST, format="png", density=2)
    url = public_url("https://cdn.example.org/", key)
    assert url.isascii()
    assert unquote(urlsplit(url).path) == f"/{key}"
    assert not set(url) & set(" \"'<>&?#,")


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", "./a", "a\x00", "a\n", "\udcff", "x" * 1025]
)
def test_check_key_refuses_what_stores_read_differently(key: str) -> None:
    with pytest.raises(InvalidField):
        check_key(key)


@pytest.mark.parametrize(
    ("given", "folders"),
    [
        ("", ""),
        ("cats/2026", "cats/2026"),
        ("/cats//2026/", "cats/2026"),
        ("../../etc", "etc"),
        ("cats\\my pets", "cats/my-pets"),
        (" . / .. ", ""),
    ],
)
def test_sanitise_location(given: str, folders: str) -> None:
    assert sanitise_location(given) == folders
