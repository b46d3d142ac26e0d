"""The texts that callers are known by: API keys, sessions, and the tokens of invitations.

    ps_<key id>_<secret><checksum>      an API key
    pss_<session id>_…                  a session
    psi_<invitation id>_…               the token of a one-time link

The 26 base32 characters of the id find the row in the database. The secret is 32 base62 characters
(190 bits) of the system's randomness, so a plain SHA-256 of the whole text is safe to store: there
is nothing to guess, and no slow hash to pay for on every call. The checksum, CRC-32 of all that
stands before it in 6 base62 characters, turns a mistyped text away before any look-up, and lets
secret scanners tell a credential from a likeness.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

from picstore_kit.errors import InvalidField, Reason, Unauthenticated
from picstore_kit.ids import InvitationId, KeyId, SessionId, parse_id, prefix_of

SECRET_LENGTH: Final = 32
"""Characters of the secret part."""

CHECKSUM_LENGTH: Final = 6
"""Characters of the checksum; 62**6 is more than 2**32."""

_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORM: Final = re.compile(
    r"(?P<checked>(?P<kind>ps[si]?)_(?P<id>[0-9a-z]{26})_[0-9A-Za-z]{32})(?P<checksum>[0-9A-Za-z]{6})"
)
_KEY: Final = "ps"
_SESSION: Final = "pss"
_INVITATION: Final = "psi"

IdT = TypeVar("IdT", bound=str)


class MalformedCredential(Unauthenticated):
    """The text cannot be what it should be: its form, its id or its checksum is wrong."""

    def __init__(self) -> None:
        super().__init__(Reason.CREDENTIAL_INVALID, "the credential is not one of Pic Store's")


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A text of the right form; whether it is a good one, only auth knows."""

    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the whole text, which is all that is stored of it."""
        return hashlib.sha256(self.text.encode("ascii")).digest()

    def matches(self, digest: bytes) -> bool:
        """Whether `digest` is this one's, compared in constant time."""
        return hmac.compare_digest(self.digest, digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class APIKey(Secret):
    """An API key."""

    key_id: KeyId


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSecret(Secret):
    """What stands for somebody who has logged in."""

    session_id: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationToken(Secret):
    """What a one-time link holds."""

    invitation_id: InvitationId


Credential: TypeAlias = APIKey | SessionSecret
"""What a caller can be known by."""


def new_api_key(key_id: KeyId) -> APIKey:
    """Make the text of a new key with the given id."""
    return APIKey(key_id=key_id, text=_new_text(_KEY, key_id))


def new_session_secret(session_id: SessionId) -> SessionSecret:
    """Make the text of a new session with the given id."""
    return SessionSecret(session_id=session_id, text=_new_text(_SESSION, session_id))


def new_invitation_token(invitation_id: InvitationId) -> InvitationToken:
    """Make the text of a new invitation's token with the given id."""
    return InvitationToken(invitation_id=invitation_id, text=_new_text(_INVITATION, invitation_id))


def parse_credential(text: str) -> Credential:
    """Read what a caller sent to be known by.

    Raises:
        MalformedCredential: It is none of ours, or was mistyped.
    """
    if text.startswith(_SESSION + "_"):
        return SessionSecret(session_id=_parse(text, _SESSION, SessionId), text=text)
    return parse_api_key(text)


def parse_api_key(text: str) -> APIKey:
    """Read a key as its holder sent it.

    Raises:
        MalformedCredential: It is none of ours, or was mistyped.
    """
    return APIKey(key_id=_parse(text, _KEY, KeyId), text=text)


def parse_invitation_token(text: str) -> InvitationToken:
    """Read the token of a link.

    Raises:
        MalformedCredential: It is none of ours, or was mistyped.
    """
    return InvitationToken(invitation_id=_parse(text, _INVITATION, InvitationId), text=text)


def _new_text(kind: str, object_id: str) -> str:
    secret = "".join(secrets.choice(_BASE62) for _ in range(SECRET_LENGTH))
    checked = f"{kind}_{object_id.partition('_')[2]}_{secret}"
    return checked + _checksum(checked)


def _parse(text: str, kind: str, id_type: Callable[[str], IdT]) -> IdT:
    match = _FORM.fullmatch(text)
    if match is None or match["kind"] != kind or _checksum(match["checked"]) != match["checksum"]:
        raise MalformedCredential
    try:
        return parse_id(id_type, f"{prefix_of(id_type)}_{match['id']}", field="credential")
    except InvalidField:
        raise MalformedCredential from None


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode("ascii"))
    digits: list[str] = []
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_BASE62))
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
