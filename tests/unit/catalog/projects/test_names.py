"""Names, paths and addresses."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore_catalog.model.names import (
    directory_fault,
    display_name_fault,
    normalised_path,
    path_fault,
    short_name_fault,
    url_fault,
)
from picstore_kit.blobs.keys import sanitise_filename

ROOTS = (PurePosixPath("/srv/pictures"),)


@pytest.mark.parametrize("text", ["a", "blog", "blog-2", "0", "a" * 63])
def test_short_names_that_are_fine(text: str) -> None:
    assert short_name_fault(text) is None


@pytest.mark.parametrize("text", ["", "Blog", "-a", "a-", "a_b", "a b", "ä", "a" * 64, "a\n"])
def test_short_names_that_are_not(text: str) -> None:
    assert short_name_fault(text) is not None


@pytest.mark.parametrize("text", ["", "The blog", "Größe", "x" * 200])
def test_display_names_that_are_fine(text: str) -> None:
    assert display_name_fault(text) is None


@pytest.mark.parametrize("text", ["a\nb", "a\x00", "x" * 201])
def test_display_names_that_are_not(text: str) -> None:
    assert display_name_fault(text) is not None


@pytest.mark.parametrize(
    ("text", "normalised"),
    [("", ""), ("/", ""), ("a", "a"), ("/a//b/", "a/b"), ("Größe/2026", "Größe/2026")],
)
def test_paths_are_normalised(text: str, normalised: str) -> None:
    assert normalised_path(text) == normalised
    assert path_fault(normalised) is None


@pytest.mark.parametrize(
    "text",
    [
        "..",
        "a/../b",
        "a--b",
        "a-.b",
        ".",
        "a/.hidden",
        "a b",
        "a\\b",
        "a\x00b",
        "a\nb",
        "a?b",
        "x" * 301,
    ],
)
def test_paths_that_are_refused(text: str) -> None:
    assert path_fault(normalised_path(text)) is not None


@given(st.text())
def test_a_path_that_is_accepted_is_safe_in_a_key_and_stays_as_it_is(text: str) -> None:
    path = normalised_path(text)
    assert normalised_path(path) == path
    if path_fault(path) is None:
        assert not path.startswith("/")
        assert ".." not in path.split("/")
        assert path.isprintable()


@given(st.text(alphabet=st.characters(categories=["L", "M", "N"]) | st.sampled_from("-_.~")))
def test_a_folder_that_is_accepted_is_one_that_object_keys_keep(text: str) -> None:
    folder = normalised_path(text)
    if folder and path_fault(folder) is None:
        assert sanitise_filename(folder) == folder


@pytest.mark.parametrize(
    "text",
    [
        "https://s3.eu-central-1.amazonaws.com",
        "http://127.0.0.1:9000",
        "http://[::1]:8333",
        "http://localhost:8333",
    ],
)
def test_endpoints_that_are_fine(text: str) -> None:
    assert url_fault(text, with_path=False) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s3.example.com",
        "ftp://s3.example.com",
        "https://",
        "https://user:password@s3.example.com",
        "https://s3.example.com/path",
        "https://s3.example.com?x=1",
        "https://s3.example.com#x",
        "https://s3.example.com:port",
        "https://s3.example.com:99999",
        "https://s3 .example.com",
        "https://s3.example.com\n",
        "javascript:alert(1)",
        "https://" + "a" * 500,
    ],
)
def test_endpoints_that_are_not(text: str) -> None:
    assert url_fault(text, with_path=False) is not None


def test_a_base_url_may_have_a_path_but_nothing_that_ends_an_attribute() -> None:
    assert url_fault("https://img.example.com/pictures", with_path=True) is None
    for text in ('https://img.example.com/"', "https://img.example.com/<b>", "https://a/?x"):
        assert url_fault(text, with_path=True) is not None


@pytest.mark.parametrize("text", ["/srv/pictures", "/srv/pictures/", "/srv/pictures/a/b"])
def test_directories_under_an_allowed_root_are_fine(text: str) -> None:
    assert directory_fault(text, ROOTS) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pictures",
        "/srv",
        "/srv/pictures-of-others",
        "/srv/pictures/../secrets",
        "/etc/ssh",
        "/srv/pictures/\x00",
    ],
)
def test_other_directories_are_refused(text: str) -> None:
    assert directory_fault(text, ROOTS) is not None


def test_without_roots_no_directory_is_allowed() -> None:
    assert directory_fault("/srv/pictures", ()) is not None
