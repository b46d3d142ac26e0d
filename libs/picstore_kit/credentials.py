"""The text of an API key: `ps_<key id>_<secret><checksum>`.

The 26 base32 characters of the key's id find it in the database. The secret is 32 base62
characters (190 bits) of the system's randomness, so a plain SHA-256 of the whole text is safe to
store: there is nothing to guess, and no slow hash to pay for on every call. The checksum, CRC-32 of
all that stands before it in 6 base62 characters, turns a mistyped key away before any look-up, and
lets secret scanners tell a key from a likeness.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from typing import Final

from picstore_kit.errors import InvalidField, Reason, Unauthenticated
from picstore_kit.ids import KeyId, parse_id, prefix_of

SECRET_LENGTH: Final = 32
"""Characters of the secret part."""

CHECKSUM_LENGTH: Final = 6
"""Characters of the checksum; 62**6 is more than 2**32."""

_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORM: Final = re.compile(
    r"(?P<checked>ps_(?P<id>[0-9a-z]{26})_[0-9A-Za-z]{32})(?P<checksum>[0-9A-Za-z]{6})"
)


class MalformedCredential(Unauthenticated):
    """The text cannot be an API key: its form, its id or its checksum is wrong."""

    def __init__(self) -> None:
        super().__init__(Reason.CREDENTIAL_INVALID, "the credential is not an API key of Pic Store")


@dataclass(frozen=True, slots=True, kw_only=True)
class APIKey:
    """An API key of the right form; whether it is a good one, only auth knows."""

    key_id: KeyId
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the whole text, which is all that is stored of it."""
        return hashlib.sha256(self.text.encode("ascii")).digest()

    def matches(self, digest: bytes) -> bool:
        """Whether `digest` is this key's, compared in constant time."""
        return hmac.compare_digest(self.digest, digest)


def new_api_key(key_id: KeyId) -> APIKey:
    """Make the text of a new key with the given id."""
    secret = "".join(secrets.choice(_BASE62) for _ in range(SECRET_LENGTH))
    checked = f"ps_{key_id.removeprefix(prefix_of(KeyId) + '_')}_{secret}"
    return APIKey(key_id=key_id, text=checked + _checksum(checked))


def parse_api_key(text: str) -> APIKey:
    """Read a key as its holder sent it.

    Raises:
        MalformedCredential: It is none of ours, or was mistyped.
    """
    match = _FORM.fullmatch(text)
    if match is None or _checksum(match["checked"]) != match["checksum"]:
        raise MalformedCredential
    try:
        key_id = parse_id(KeyId, f"{prefix_of(KeyId)}_{match['id']}", field="credential")
    except InvalidField:
        raise MalformedCredential from None
    return APIKey(key_id=key_id, text=text)


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode("ascii"))
    digits: list[str] = []
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_BASE62))
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
