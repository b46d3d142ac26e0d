"""Languages by their BCP 47 tags (RFC 5646), and which text to take for one (RFC 4647, 3.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

MAX_LOCALE: Final = 35
"""Characters of a tag: what RFC 5646, 4.4.1 asks of whoever limits them."""

_LANGTAG: Final = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})"  # language
    r"(?:-[a-z]{4})?"  # script
    r"(?:-(?:[a-z]{2}|[0-9]{3}))?"  # region
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
    r"(?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*"  # extensions
    r"(?:-x(?:-[a-z0-9]{1,8})+)?",  # private use
    re.ASCII | re.IGNORECASE,
)


def canonical_locale(text: str) -> str | None:
    """Return a well-formed tag with its subtags in their usual case, as `zh-Hant-TW`; else None."""
    if len(text) > MAX_LOCALE or not _LANGTAG.fullmatch(text):
        return None
    first, *rest = text.lower().split("-")
    canonical = [first]
    for subtag in rest:
        # RFC 5646, 2.1.1: all that follows a single character stays in lower case.
        if len(canonical[-1]) == 1 or any(len(before) == 1 for before in canonical):
            canonical.append(subtag)
        elif len(subtag) == 2:
            canonical.append(subtag.upper())
        elif len(subtag) == 4 and subtag.isalpha():
            canonical.append(subtag.title())
        else:
            canonical.append(subtag)
    return "-".join(canonical)


def fallbacks(locale: str) -> Iterator[str]:
    """Yield a canonical tag and what it is a kind of, the closest first: `de-AT`, then `de`."""
    subtags = locale.split("-")
    while subtags:
        yield "-".join(subtags)
        subtags.pop()
        if subtags and len(subtags[-1]) == 1:
            subtags.pop()
