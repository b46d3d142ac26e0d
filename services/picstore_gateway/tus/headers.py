"""What tus says in headers, read and written."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final
from urllib.parse import urlsplit

from picstore_kit.errors import InvalidField

VERSION: Final = "1.0.0"
EXTENSIONS: Final = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "expiration",
    "checksum",
    "termination",
    "concatenation",
)
ENDPOINT: Final = "/files/"
CONTENT_TYPE: Final = "application/offset+octet-stream"
MAX_METADATA: Final = 4096
"""Characters of a whole Upload-Metadata header, which is kept as the note of an upload."""

DIGEST_BYTES: Final[Mapping[str, int]] = {"sha1": 20, "sha256": 32, "md5": 16, "crc32": 4}
"""How long a checksum is, by algorithm."""

_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_KEY: Final = re.compile(r"[!-+\--~]+")
_UPLOAD_ID: Final = re.compile(r"[A-Za-z0-9_]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenation:
    """What an upload has to do with others: it is a part, or consists of parts."""

    partial: bool = False
    upload_ids: tuple[str, ...] = ()
    """The parts in order; none if it is a part itself."""


def metadata_of(text: str) -> dict[str, bytes]:
    """Return the values in an Upload-Metadata header by key.

    Raises:
        InvalidField: It is too long, or not keys with values in base64.
    """
    if len(text) > MAX_METADATA:
        raise InvalidField("upload-metadata", f"must have at most {MAX_METADATA:,} characters")
    values: dict[str, bytes] = {}
    for pair in filter(None, (part.strip(" ") for part in text.split(","))):
        key, _, value = pair.partition(" ")
        if not _KEY.fullmatch(key) or key in values:
            raise InvalidField("upload-metadata", "must have keys of ASCII, each once")
        values[key] = _base64("upload-metadata", value.strip(" "))
    return values


def is_metadata(text: str) -> bool:
    """Say whether a text may be sent as an Upload-Metadata header."""
    try:
        return bool(metadata_of(text)) and text.isascii()
    except InvalidField:
        return False


def number_of(name: str, text: str) -> int:
    """Return the number of bytes in the header `name`.

    Raises:
        InvalidField: It is none.
    """
    if not _NUMBER.fullmatch(text):
        raise InvalidField(name.lower(), "must be a number of bytes")
    return int(text)


def concatenation_of(text: str) -> Concatenation:
    """Return what an Upload-Concat header says.

    The places of the parts may be whole URLs, for that is how clients know them; of those it is
    only the path that counts, since behind a proxy we do not know our own host.

    Raises:
        InvalidField: It says neither that the upload is a part nor which parts it has.
    """
    kind, _, places = text.partition(";")
    if kind.strip() == "partial" and not places:
        return Concatenation(partial=True)
    upload_ids = tuple(_upload_id(place) for place in places.split())
    if kind.strip() != "final" or not upload_ids:
        raise InvalidField(
            "upload-concat", "must be partial, or final; and the places of the parts"
        )
    return Concatenation(upload_ids=upload_ids)


def concatenation_text(*, partial: bool, upload_ids: Sequence[str]) -> str:
    """Return the Upload-Concat header of an upload; nothing if it has to do with no other."""
    if partial:
        return "partial"
    return f"final;{' '.join(map(place_of, upload_ids))}" if upload_ids else ""


def checksum_of(text: str) -> str:
    """Return an Upload-Checksum header in the form that the contract has for it.

    Raises:
        InvalidField: We do not know the algorithm, or the checksum is not one of it.
    """
    algorithm, _, value = text.strip().partition(" ")
    expected = DIGEST_BYTES.get(algorithm)
    if expected is None:
        raise InvalidField("upload-checksum", f"must be by one of {', '.join(DIGEST_BYTES)}")
    if len(_base64("upload-checksum", value.strip(" "))) != expected:
        raise InvalidField("upload-checksum", f"must have {expected} bytes for {algorithm}")
    return f"{algorithm} {value.strip(' ')}"


def place_of(upload_id: str) -> str:
    """Return the path of an upload."""
    return f"{ENDPOINT}{upload_id}"


def date_text(moment: datetime) -> str:
    """Return a moment (in UTC) as HTTP writes it."""
    return format_datetime(moment, usegmt=True)


def _upload_id(place: str) -> str:
    try:
        path = urlsplit(place).path
    except ValueError:
        path = ""
    upload_id = path.removeprefix(ENDPOINT)
    if not path.startswith(ENDPOINT) or not _UPLOAD_ID.fullmatch(upload_id):
        raise InvalidField("upload-concat", f"must name uploads as {place_of('upl_…')}")
    return upload_id


def _base64(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidField(name, "must have its values in base64") from None
