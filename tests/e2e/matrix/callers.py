"""The kinds of caller that the matrix tries, and what the contract has to say to each."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from picstore.options.v1 import options_pb2
from picstore_kit.errors import Code, Reason
from picstore_kit.ids import ProjectId
from picstore_kit.rpc.auth import ALL_PROJECTS, Principal, permission_name


class Target(Enum):
    """Whose object the request names."""

    OWN = auto()
    """An object of the team of the matrix."""
    FOREIGN = auto()
    """The same kind of object of another team."""
    MISSING = auto()
    """A well-formed id of nothing."""


class Bound(Enum):
    """What the object of a method belongs to, which decides who may see it."""

    NOTHING = auto()
    """The method has no object: it lists, or makes something for the team."""
    TEAM = auto()
    """The team as a whole."""
    PROJECT = auto()
    """The project of the matrix."""
    USER = auto()
    """The administrator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody with, or without, a credential."""

    name: str
    metadata: tuple[tuple[str, str | bytes], ...] = field(default=(), repr=False)
    """What identifies the caller on the wire."""
    refused: Reason | None = None
    """Why the credential is no good."""
    principal: Principal = field(default_factory=Principal)
    """Who it is, if the credential is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a caller is told."""

    code: Code | None
    reason: Reason | None = None
    permission: str | None = None
    """Named by an answer that denies."""


OK = Answer(code=None)
NOT_FOUND = Answer(code=Code.NOT_FOUND, reason=Reason.RESOURCE_NOT_FOUND)
_NO_USER = Answer(code=Code.UNAUTHENTICATED, reason=Reason.CREDENTIAL_MISSING)
_NO_SERVICE = Answer(code=Code.PERMISSION_DENIED, reason=Reason.SERVICE_ONLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the objects of the matrix are."""

    team_id: str
    project_id: ProjectId
    user_id: str


def expected(
    access: options_pb2.Access, caller: Caller, target: Target, bound: Bound, place: Place
) -> Answer:
    """Return what the contract promises: computed from the method's option, nothing else."""
    if access.audience == options_pb2.AUDIENCE_PUBLIC:
        return OK
    if caller.refused is not None:
        return Answer(code=Code.UNAUTHENTICATED, reason=caller.refused)
    principal = caller.principal
    if access.audience == options_pb2.AUDIENCE_SERVICE and (
        principal.service not in access.services
    ):
        return _NO_SERVICE
    for_nobody = principal.team_id is None
    if access.audience == options_pb2.AUDIENCE_SERVICE and not access.permission:
        return OK
    if for_nobody:
        return _NO_USER
    if bound is not Bound.NOTHING:
        theirs = principal.team_id != place.team_id
        if target is Target.MISSING or theirs is (target is Target.OWN):
            return NOT_FOUND
        if theirs:
            return OK  # an administrator of that team
    if access.audience == options_pb2.AUDIENCE_CALLER:
        hidden = bound is Bound.USER and principal.user_id != place.user_id
        return NOT_FOUND if hidden else OK
    return _by_grants(permission_name(access.permission), principal, bound, place)


def _by_grants(permission: str, principal: Principal, bound: Bound, place: Place) -> Answer:
    denied = Answer(
        code=Code.PERMISSION_DENIED, reason=Reason.PERMISSION_MISSING, permission=permission
    )
    if bound is Bound.PROJECT:
        if principal.allows(permission, place.project_id):
            return OK
        seen = {grant.project_id for grant in principal.grants}
        return denied if seen & {None, place.project_id} else NOT_FOUND
    held = principal.project_ids(permission)
    if held is ALL_PROJECTS:
        return OK
    # Without an object, who may read somewhere gets a list of what is there.
    somewhere = bound is Bound.NOTHING and permission.endswith(":read") and bool(held)
    return OK if somewhere else denied
