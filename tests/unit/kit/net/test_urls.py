"""URLs are judged as they are written."""

from __future__ import annotations

import pytest

from picstore_kit.net.urls import filename_of, host_of, url_fault, without_query


@pytest.mark.parametrize(
    "url",
    [
        "http://./",
        "http://.../a.jpg",
        "http:///a.jpg",
        "https://img.example.com:99999/",
        "https://[::1/",
        "https://me:pw@img.example.com/",
        "https://img.example.com\\@127.0.0.1/",
        "https://img.example.com/ a",
        "ftp://img.example.com/",
        "https://img.example.com/" + "a" * 2048,
    ],
)
def test_what_is_no_address_of_a_host_is_a_fault(url: str) -> None:
    assert url_fault(url) is not None


def test_a_url_is_told_apart() -> None:
    url = "https://img.example.com./a/b%20c.jpg?key=secret#d"
    assert url_fault(url) is None
    assert host_of(url) == "img.example.com"
    assert filename_of(url) == "b c.jpg"
    assert without_query(url) == "https://img.example.com./a/b%20c.jpg"
