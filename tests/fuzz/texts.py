"""What reads short texts: URLs, addresses, file names, headers, tokens; and what writes the tag."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from html.parser import HTMLParser
from ipaddress import ip_network
from typing import Final

from picstore_catalog.model import names
from picstore_catalog.model.picture import Candidate, PictureOptions, compose, render
from picstore_gateway.tus import headers
from picstore_imaging.formats import BEST_FIRST
from picstore_imaging.overlay.sfnt import families_of
from picstore_imaging.recipe import Recipe
from picstore_kit.blobs import keys
from picstore_kit.errors import PicstoreError
from picstore_kit.net.egress import EgressPolicy
from picstore_kit.net.urls import filename_of, host_of, url_fault, without_query
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.origin import origin_of
from picstore_kit.rpc.tokens import ServiceTokenVerifier, VerificationKey
from picstore_kit.settings import EgressSettings
from tests.fuzz.target import Target, as_file

_EGRESS: Final = EgressPolicy(
    EgressSettings(allowed=("minio.lan:9000", "10.1.0.0/16")), resolver=lambda host, port: [host]
)
_PAGER: Final = Pager(b"secret")
_TRUSTED: Final = (ip_network("10.0.0.0/8"),)


def _text(data: bytes) -> str:
    """Read any text; what is no UTF-8 becomes halves of pairs, as in headers."""
    return data.decode("utf-8", "surrogateescape")


def _url(data: bytes) -> None:
    text = _text(data)
    for with_path in (False, True):
        if names.url_fault(text, with_path=with_path) is None:
            _EGRESS.fault(text)
    if url_fault(text) is None:
        assert host_of(text)
        assert not set("/\\").issubset(filename_of(text))
        assert url_fault(without_query(text)) is None
        _EGRESS.fault(text)


def _name(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    name = keys.sanitise_filename(text)
    assert keys.sanitise_filename(name) == name
    assert "/" not in name
    assert not name.startswith(".")
    location = keys.sanitise_location(text)
    assert ".." not in location.split("/")
    assert keys.public_url("https://img.example.com", location).isascii()


def _header(data: bytes) -> None:
    text = _text(data)
    reads: Sequence[Callable[[str], object]] = (
        headers.metadata_of,
        headers.concatenation_of,
        headers.checksum_of,
        lambda value: headers.number_of("Upload-Length", value),
        lambda value: _PAGER.open(page_size=1, page_token=value, scope=()),
    )
    for read in reads:
        with suppress(PicstoreError):  # each is asked, whatever others say
            read(text)
    for peer in (text, "unix:"):
        metadata = [("x-forwarded-for", text), ("user-agent", text)]
        origin_of(method="", peer=peer, metadata=metadata, trusted=_TRUSTED)


class _NoKeys:
    async def fetch(self) -> Sequence[VerificationKey]:
        return ()


def _token(data: bytes) -> None:
    asyncio.run(ServiceTokenVerifier(_NoKeys()).verify(data.decode("latin-1")))


def _token_seeds() -> Iterable[bytes]:
    header = json.dumps({"alg": "EdDSA", "typ": "JWT", "kid": "a"}).encode()
    for head in (header, b"[" * 5_000, b'{"alg":' * 800, b"1" * 5_000, b'{"kid":{},"typ":"JWT"}'):
        yield b".".join(map(base64.urlsafe_b64encode, (head, b"{}", bytes(64)))).replace(b"=", b"")


def _recipe(data: bytes) -> None:
    """Read what a child says of an output; these errors are what it may answer."""
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(fields, dict):
        with suppress(KeyError, TypeError, ValueError):
            Recipe.from_json(fields)


def _recipe_seeds() -> Iterable[bytes]:
    fields = {"steps": ["load"], "encoder": "x", "encoder_version": "1", "effort": 4, "score": 1}
    yield json.dumps(fields).encode()
    yield json.dumps(fields | {"score": 10**400}).encode()


def _font(data: bytes) -> None:
    with as_file(data) as path:
        families_of(path)


class _Tags(HTMLParser):
    """Gathers what a browser sees of a tag."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def _tag(data: bytes) -> None:
    """Write a tag around texts of others: they stay within their attributes."""
    rest, _, text = data.partition(b"\n")
    words = text.decode("utf-8", "replace")
    outputs = [
        Candidate(
            format=BEST_FIRST[number % len(BEST_FIRST)],
            url=keys.public_url("https://img.example.com", words),
            width=1 + number * 5,
            height=1 + number * (number % 3 + 1),
            density=1 + number % 3,
            size_bytes=number,
        )
        for number in rest
    ]
    options = PictureOptions(sizes=words, css_class=words)
    parser = _Tags()
    parser.feed(render(compose(outputs, options=options, alt_text=words)))
    parser.close()
    assert {tag for tag, _ in parser.seen} <= {"picture", "source", "img"}
    assert parser.seen[-1][1]["alt"] == words


_URLS: Final = (
    b"https://user:pw@img.example.com:443/a/b.jpg?x=1#y",
    b"http://[::ffff:127.0.0.1]:0/",
    b"https://0x7f.1/",
    b"https://xn--bcher-kva.example/%2e%2e/%00",
    b"https://10.1.2.3:99999/",
    b"https://[fe80::1%25eth0]/",
    "https://ⅰmg.example/".encode(),
    b"http://minio.lan:9000/",
    b"http://./",
)
_HEADERS: Final = (
    b"filename d29ybGQ=,type",
    b"final;/files/upl_1 https://x/files/upl_2",
    b"sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
    b"[2001:db8::1]:80, 10.0.0.1%eth0, unknown",
    b"ipv4:10.0.0.7:4711",
    b"ipv6:%5B::1%5D:4711",
    b"9" * 30,
)

TARGETS: Final = {
    "url": Target(read=_url, seeds=lambda: _URLS),
    "name": Target(read=_name, seeds=lambda: (b"..\\..//.htaccess", b"\xcc\x81a/b." + b"x" * 300)),
    "header": Target(read=_header, seeds=lambda: _HEADERS),
    "token": Target(read=_token, seeds=_token_seeds),
    "recipe": Target(read=_recipe, seeds=_recipe_seeds),
    "font": Target(read=_font, seeds=lambda: (b"\0\1\0\0\0\1" + bytes(6) + b"name" + bytes(12),)),
    "tag": Target(read=_tag, seeds=lambda: (b'\1\2\3\nA "lake" <b>&amp; more',)),
}
"""By name."""
