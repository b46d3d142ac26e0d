"""How objects are named. Keys carry content and ids, so a key never means anything else later.

Outputs: `<project>/<path>/<stem>-<image id>/<W>x<H>[@2x]-<hash10>.<ext>`.
Originals: `<project>/<path>/<image id>/<generation>-<token>/<sanitised filename>`.
"""

from __future__ import annotations

import base64
import secrets
import unicodedata
from typing import Final
from urllib.parse import quote

from picstore_kit.ids import ImageId

MAX_NAME_BYTES: Final = 100
"""Longest segment that is made of a name, in UTF-8; file systems take 255."""

_MAX_EXTENSION: Final = 10
_HASH_CHARACTERS: Final = 10
_TOKEN_BYTES: Final = 5
_FALLBACK: Final = "image"
_KEPT: Final = frozenset("-_.~")

_FORMATS: Final = {
    "jpeg": ("image/jpeg", "jpg"),
    "png": ("image/png", "png"),
    "webp": ("image/webp", "webp"),
    "avif": ("image/avif", "avif"),
    "gif": ("image/gif", "gif"),
    "heic": ("image/heic", "heic"),
    "tiff": ("image/tiff", "tif"),
    "svg": ("image/svg+xml", "svg"),
    "jxl": ("image/jxl", "jxl"),
}


def content_type_of(format: str) -> str:
    """Return the media type of a picture format such as `jpeg`.

    Raises:
        ValueError: There is no such format.
    """
    return _format(format)[0]


def extension_of(format: str) -> str:
    """Return the usual file name extension of a picture format, without the dot."""
    return _format(format)[1]


def sanitise_filename(name: str) -> str:
    """Make one harmless path segment of what a browser or a camera calls a file.

    Letters, marks and digits of all scripts stay, as do `-_.~`; every run of anything else becomes
    one `-`. Only what follows the last slash of either kind counts. Never empty, never hidden,
    never longer than `MAX_NAME_BYTES`; sanitising twice changes nothing.
    """
    return _limit(_segment(name.replace("\\", "/").rsplit("/", 1)[-1])) or _FALLBACK


def sanitise_location(location: str) -> str:
    """Make harmless folders of what a caller calls the place of the outputs; may be empty."""
    parts = location.replace("\\", "/").split("/")
    return "/".join(sanitise_filename(part) for part in parts if part.strip(" ./~-"))


def stem_of(filename: str) -> str:
    """Return the sanitised name without its extension."""
    return _split(sanitise_filename(filename))[0]


def original_key(*, project: str, path: str, image: ImageId, generation: int, filename: str) -> str:
    """Name the original of one generation of an image; no two calls give the same name.

    `project` and `path` are the base paths of the project and of the upload profile; either may be
    empty.
    """
    token = base64.b32encode(secrets.token_bytes(_TOKEN_BYTES)).decode().lower()
    return _join(project, path, image, f"{generation}-{token}", sanitise_filename(filename))


def is_original_of(image: ImageId, key: str) -> bool:
    """Return whether a key is one that `original_key` gives to originals of an image."""
    return key.split("/")[-3:-2] == [image]


def output_prefix(*, project: str, path: str, image: ImageId, filename: str) -> str:
    """Name the folder of all outputs of an image, without a slash at its end."""
    return _join(project, path, f"{stem_of(filename)}-{image}")


def output_key(
    prefix: str, *, width: int, height: int, sha256: str, format: str, density: float = 1
) -> str:
    """Name one output under its `output_prefix` by its size and by what it contains.

    `width` and `height` are the pixels it really has; `sha256` is the hex digest of its bytes.
    """
    tag = "" if density == 1 else f"@{density:g}x"
    return f"{prefix}/{width}x{height}{tag}-{sha256[:_HASH_CHARACTERS]}.{extension_of(format)}"


def public_url(base: str, key: str) -> str:
    """Return the URL of `key` below a location's public base URL, escaped for use in a page."""
    return f"{base.rstrip('/')}/{quote(key, safe='/-_.~@')}"


def _format(format: str) -> tuple[str, str]:
    try:
        return _FORMATS[format]
    except KeyError:
        raise ValueError(f"{format!r} is no picture format") from None


def _join(project: str, path: str, *rest: str) -> str:
    segments = (_limit(_segment(part)) for part in f"{project}/{path}".split("/"))
    return "/".join((*filter(None, segments), *rest))


def _segment(text: str) -> str:
    """Keep what is harmless. NFC and not NFKC, which would turn look-alikes into dots."""
    kept: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        if character not in _KEPT and unicodedata.category(character)[0] not in "LMN":
            character = "-"
        if character == "." and kept and kept[-1] == "-":
            kept.pop()
        if character in "-." and kept and kept[-1] == character:
            continue
        kept.append(character)
    return "".join(kept).strip("-.~")


def _limit(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, extension = _split(name)
    room = MAX_NAME_BYTES - len(extension.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip("-.~") + extension


def _split(name: str) -> tuple[str, str]:
    """Split off the extension, dot included, if it looks like one."""
    stem, dot, extension = name.rpartition(".")
    if not stem or not extension.isalnum() or not extension.isascii():
        return name, ""
    return (stem, dot + extension) if len(extension) <= _MAX_EXTENSION else (name, "")
