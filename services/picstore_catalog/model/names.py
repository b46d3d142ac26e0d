"""What names, paths and addresses may look like; each function says what is wrong, if anything.

The answers continue a sentence that begins with the field's name.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

MAX_DISPLAY_NAME: Final = 200
"""Characters of a name for people."""

MAX_PATH: Final = 300
"""Characters of a base path or prefix; S3 takes keys of 1,024 bytes in all."""

MAX_SEGMENT_BYTES: Final = 100
"""UTF-8 bytes between two slashes of a path."""

MAX_URL: Final = 500
"""Characters of an endpoint or a base URL."""

_SHORT_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# What object keys keep of a name as it is; neither `.` nor `..` is one.
_SEGMENT: Final = re.compile(r"\w+(?:[.~-]\w+)*")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+")
_URL_PATH: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")


def short_name_fault(text: str) -> str | None:
    """Check a short name."""
    if _SHORT_NAME.fullmatch(text):
        return None
    return "must be 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end"


def display_name_fault(text: str) -> str | None:
    """Check a name for people, which may be empty."""
    if len(text) <= MAX_DISPLAY_NAME and text.isprintable():
        return None
    return f"must be at most {MAX_DISPLAY_NAME} printable characters"


def normalised_path(text: str) -> str:
    """Drop slashes at both ends and repeated ones, and compose letters with their accents."""
    return "/".join(part for part in unicodedata.normalize("NFC", text).split("/") if part)


def path_fault(text: str) -> str | None:
    """Check a normalised base path or prefix, which may be empty."""
    if len(text) > MAX_PATH:
        return f"must be at most {MAX_PATH} characters"
    for segment in text.split("/") if text else ():
        if not _SEGMENT.fullmatch(segment) or len(segment.encode()) > MAX_SEGMENT_BYTES:
            return (
                "must be folders of letters, digits and `_`, with single `-`, `.` or `~` in"
                f" between, of at most {MAX_SEGMENT_BYTES} bytes each"
            )
    return None


def url_fault(text: str, *, with_path: bool) -> str | None:
    """Check an http(s) address without credentials, query and fragment."""
    fault = "must be an address such as https://img.example.com"
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return fault
    rebuilt = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if (
        len(text) > MAX_URL
        or parts.scheme not in ("http", "https")
        or not _HOST.fullmatch(host)
        or not _URL_PATH.fullmatch(parts.path)
        or "@" in parts.netloc
        or rebuilt != text
    ):
        return fault
    if parts.path and not with_path:
        return "must end after the host and port"
    return None


def directory_fault(text: str, allowed_roots: tuple[PurePosixPath, ...]) -> str | None:
    """Check the directory of a local storage location against the operator's roots."""
    directory = PurePosixPath(text)
    if not text.isprintable() or not directory.is_absolute() or ".." in directory.parts:
        return "must be an absolute path without `..`"
    if not any(directory.is_relative_to(root) for root in allowed_roots):
        return "must lie under a directory that the operator's settings allow"
    return None
