"""The pages on which people log in and set passwords, as far as they can be seen without one."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
import pytest

PAGES = ["/login", "/invitation"]


class Elements(HTMLParser):
    """All elements of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one."""
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a kind."""
        return [attributes for name, attributes in self.found if name == tag]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_may_load_and_send_only_here(http: httpx.AsyncClient, path: str) -> None:
    headers = (await http.get(path)).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_nothing_that_its_policy_forbids(
    http: httpx.AsyncClient, path: str
) -> None:
    page = (await http.get(path)).text
    elements = Elements(page)
    for _, attributes in elements.found:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
    assert elements.of("style") == []
    assert re.findall(r"<script[^>]*>([^<]+)</script>", page) == []
    loaded = [*elements.of("script"), *elements.of("link")]
    for path_ in [str(attributes.get("src") or attributes.get("href")) for attributes in loaded]:
        asset = await http.get(path_)
        assert asset.status_code == 200
        assert asset.headers["content-type"].partition(";")[0] in ("text/javascript", "text/css")
        for imported in re.findall(r'^import .* from "(.*)";$', asset.text, re.MULTILINE):
            assert (await http.get(imported)).status_code == 200


@pytest.mark.parametrize("path", PAGES)
async def test_every_input_has_a_label_and_says_what_it_takes(
    http: httpx.AsyncClient, path: str
) -> None:
    elements = Elements((await http.get(path)).text)
    labelled = {attributes["for"] for attributes in elements.of("label")}
    ids = {attributes["id"] for _, attributes in elements.found if "id" in attributes}
    assert elements.of("html")[0]["lang"] == "en"
    for field in elements.of("input"):
        assert field["id"] in labelled
        assert field.get("autocomplete") or field["type"] == "checkbox"
    described = [attributes.get("aria-describedby") for attributes in elements.of("input")]
    titled = [attributes.get("aria-labelledby") for _, attributes in elements.found]
    assert {name for name in (*described, *titled) if name} <= ids


@pytest.mark.parametrize("path", PAGES)
async def test_a_form_without_its_script_puts_nothing_into_the_address(
    http: httpx.AsyncClient, path: str
) -> None:
    (form,) = Elements((await http.get(path)).text).of("form")
    assert form["method"] == "post"


async def test_the_pages_themselves_are_no_assets(http: httpx.AsyncClient) -> None:
    for path in ("/static/login.html", "/static/../html/login.html", "/static/"):
        assert (await http.get(path)).status_code == 404
