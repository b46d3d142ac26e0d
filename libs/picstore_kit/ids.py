"""Object ids: a type prefix and a UUIDv7 in lower-case base32, the TypeID form (`img_01jk…`).

They sort by creation time, ignore case, and are safe in a path, a subject and an object key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, NewType, TypeVar

import uuid_utils
from typeid import TypeID
from typeid.errors import TypeIDException

from picstore_kit.errors import InvalidField

TeamId = NewType("TeamId", str)
UserId = NewType("UserId", str)
RoleId = NewType("RoleId", str)
KeyId = NewType("KeyId", str)
ProjectId = NewType("ProjectId", str)
LocationId = NewType("LocationId", str)
ConversionProfileId = NewType("ConversionProfileId", str)
UploadProfileId = NewType("UploadProfileId", str)
ImageId = NewType("ImageId", str)
OutputId = NewType("OutputId", str)
JobId = NewType("JobId", str)
UploadId = NewType("UploadId", str)
SessionId = NewType("SessionId", str)
InvitationId = NewType("InvitationId", str)
AuditEventId = NewType("AuditEventId", str)
ImportJobId = NewType("ImportJobId", str)
OverlayTemplateId = NewType("OverlayTemplateId", str)

_PREFIXES: Final[dict[Callable[[str], str], str]] = {
    TeamId: "tem",
    UserId: "usr",
    RoleId: "rol",
    KeyId: "key",
    ProjectId: "prj",
    LocationId: "loc",
    ConversionProfileId: "cpr",
    UploadProfileId: "upr",
    ImageId: "img",
    OutputId: "out",
    JobId: "job",
    UploadId: "upl",
    SessionId: "ses",
    InvitationId: "inv",
    AuditEventId: "aud",
    ImportJobId: "imp",
    OverlayTemplateId: "ovt",
}

IdT = TypeVar("IdT", bound=str)


def prefix_of(kind: Callable[[str], IdT]) -> str:
    """Return the three letters that ids of `kind` begin with."""
    return _PREFIXES[kind]


def new_id(kind: Callable[[str], IdT]) -> IdT:
    """Make a fresh id of `kind`, later in sort order than those made before it."""
    return kind(str(TypeID(prefix=_PREFIXES[kind])))


def derived_id(kind: Callable[[str], IdT], *words: str) -> IdT:
    """Make the one id of `kind` that stands for `words`, whichever process makes it.

    Nobody can guess from it what the words are; it says nothing of when it was made.
    """
    digest = hashlib.sha256("\0".join(words).encode()).digest()
    return kind(str(TypeID.from_uuid(uuid_utils.UUID(bytes=digest[:16]), _PREFIXES[kind])))


def parse_id(kind: Callable[[str], IdT], text: str, *, field: str) -> IdT:
    """Check that `text` is an id of `kind` and return it in its one canonical spelling.

    Raises:
        InvalidField: The prefix is another kind's, or the rest is no base32 UUID; `field` names
            the place in the request.
    """
    expected = _PREFIXES[kind]
    try:
        parsed = TypeID.from_string(text.lower())
    except (TypeIDException, ValueError) as error:
        raise InvalidField(field, f"must be an id such as {expected}_…") from error
    if parsed.prefix != expected:
        raise InvalidField(field, f"must be an id that starts with {expected}_")
    return kind(str(parsed))
