"""URLs that somebody gave, as they are written. Pure: nothing is resolved or asked for."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

MAX_URL: Final = 2048
"""Characters of the longest URL."""

_SCHEMES: Final = ("http", "https")


def url_fault(url: str) -> str | None:
    """Say what is wrong with a URL as it is written: not where it leads to."""
    if len(url) > MAX_URL:
        return f"must have at most {MAX_URL} characters"
    if not url.isprintable() or any(letter.isspace() for letter in url) or "\\" in url:
        return "must not have spaces, backslashes or control characters"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it is read when it is asked for
    except ValueError:
        return "must be a URL"
    if parts.scheme not in _SCHEMES or not (parts.hostname or "").rstrip("."):
        return "must be an http or https URL"
    if "@" in parts.netloc:
        return "must not have a user or a password"
    return None


def without_query(url: str) -> str:
    """Return a URL without what may be secret in it: query and fragment."""
    return urlunsplit((*urlsplit(url)[:3], "", ""))


def host_of(url: str) -> str:
    """Return the host of a URL that has no `url_fault`."""
    return (urlsplit(url).hostname or "").rstrip(".")


def filename_of(url: str) -> str:
    """Return the last part of a URL's path; empty where it ends with a slash."""
    return unquote(urlsplit(url).path).rpartition("/")[2]
