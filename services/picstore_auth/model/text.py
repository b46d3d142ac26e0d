"""What names, addresses and etags look like."""

from __future__ import annotations

import re
from typing import Final

MAX_DISPLAY_NAME: Final = 200
"""Characters of a display name."""


MAX_EMAIL: Final = 254
"""Characters of an e-mail address (RFC 5321, 4.5.3.1.3, less the angle brackets)."""


MIN_PASSWORD: Final = 12
"""Characters of a password; length is what guessing costs, so nothing else is asked of it."""

MAX_PASSWORD: Final = 256
"""Characters of a password."""

_SHORT_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


# Whether mail arrives is for the mail server to say; this only catches what cannot be one.
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")


def short_name_fault(text: str) -> str | None:
    """Say what is wrong with a short name, if anything."""
    if _SHORT_NAME.fullmatch(text):
        return None
    return "must be 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end"


def display_name_fault(text: str) -> str | None:
    """Say what is wrong with a name for people, if anything."""
    if len(text) <= MAX_DISPLAY_NAME and not _CONTROL.search(text):
        return None
    return f"must be one line of at most {MAX_DISPLAY_NAME} characters"


def email_fault(text: str) -> str | None:
    """Say what is wrong with an e-mail address, if anything."""
    if len(text) <= MAX_EMAIL and text.isprintable() and _EMAIL.fullmatch(text):
        return None
    return "must be an e-mail address"


def etag_of(revision: int) -> str:
    """Return the etag of an object's revision."""
    return str(revision)


def password_fault(password: str, *, email: str = "", team: str = "") -> str | None:
    """Say what is wrong with a password for the user `email` of `team`, if anything."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        return f"must be {MIN_PASSWORD} to {MAX_PASSWORD} characters"
    if password.casefold() in (email.casefold(), email.partition("@")[0].casefold(), team):
        return "must not be the e-mail address, its name, or the team's name"
    if len(set(password)) == 1:
        return "must not be one character again and again"
    return None
