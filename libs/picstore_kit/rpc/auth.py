"""Who calls, and what they may do: principals, grants, and the access rules of the contract.

`current_principal()` answers within a call. Deciding is pure; looking credentials up is in
`authenticator`, verifying service tokens in `tokens`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol, TypeAlias

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor

from picstore.auth.v1 import authentication_pb2
from picstore.options.v1 import options_pb2, permission_pb2
from picstore_kit.errors import PermissionDenied, Reason, Unauthenticated
from picstore_kit.ids import KeyId, ProjectId, SessionId, TeamId, UploadProfileId, UserId

TEAM_ADMIN: Final = "team:admin"
"""The permission that satisfies every other."""

_PREFIX: Final = "PERMISSION_"


class AllProjects(Enum):
    """The answer "every project of the team", which no list of ids can give."""

    ALL = auto()


ALL_PROJECTS: Final = AllProjects.ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One permission, on one project or on all of the team's."""

    permission: str
    """As people write it: `image:read`."""
    project_id: ProjectId | None = None
    """None for the team itself and all of its projects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A caller whose credential was good: a user, a service, or a service acting for a user."""

    team_id: TeamId | None = None
    """The team of the user; None for a service that acts for nobody."""
    user_id: UserId | None = None
    key_id: KeyId | None = None
    session_id: SessionId | None = None
    """The session by which the user is known, in the place of an API key."""
    service: str | None = None
    """The service that calls, if one does."""
    grants: tuple[Grant, ...] = ()
    default_upload_profile_id: UploadProfileId | None = None

    def allows(self, permission: str, project_id: ProjectId | None = None) -> bool:
        """Whether `permission` is granted on the project, or on the team if none is given."""
        projects = self.project_ids(permission)
        return projects is ALL_PROJECTS or (project_id is not None and project_id in projects)

    def project_ids(self, permission: str) -> tuple[ProjectId, ...] | AllProjects:
        """Return the projects on which `permission` is granted."""
        projects = []
        for grant in self.grants:
            if grant.permission in (permission, TEAM_ADMIN):
                if grant.project_id is None:
                    return ALL_PROJECTS
                projects.append(grant.project_id)
        return tuple(projects)


class Authenticator(Protocol):
    """Finds out whose credential it is."""

    async def authenticate(self, credential: str) -> Principal:
        """Return the principal of an API key.

        Raises:
            Unauthenticated: The credential is not good; the reason says why.
            Unavailable: Nobody could be asked.
        """


Renew: TypeAlias = Callable[[], Awaitable[Principal]]
"""Finds out again who calls; raises as an `Authenticator` does."""

_principal: ContextVar[Principal | None] = ContextVar("principal", default=None)
_renew: ContextVar[Renew | None] = ContextVar("renew", default=None)


def current_principal() -> Principal | None:
    """Return who calls, or None outside a call and in public methods."""
    return _principal.get()


def require_principal() -> Principal:
    """Return who calls.

    Raises:
        Unauthenticated: Nobody who is known.
    """
    principal = _principal.get()
    if principal is None:
        raise Unauthenticated(Reason.CREDENTIAL_MISSING, "this needs a credential")
    return principal


async def renew_principal() -> Principal:
    """Return who calls as of now, for a call that lasts: what they may do can have changed.

    A service that acts for somebody goes on as it began: it has seen to that itself.

    Raises:
        Unauthenticated: The credential is not good any more, or nobody is known.
        Unavailable: Nobody could be asked.
    """
    renew = _renew.get()
    return require_principal() if renew is None else await renew()


@contextmanager
def acting_as(principal: Principal | None, *, renew: Renew | None = None) -> Iterator[None]:
    """Make `principal` the current one within the block, as the server does around a call.

    `renew` is how `renew_principal` finds out who calls later.
    """
    token, renew_token = _principal.set(principal), _renew.set(renew)
    try:
        yield
    finally:
        _renew.reset(renew_token)
        _principal.reset(token)


class Audience(Enum):
    """The kinds of caller that a method is for."""

    PUBLIC = options_pb2.AUDIENCE_PUBLIC
    CALLER = options_pb2.AUDIENCE_CALLER
    PERMISSION = options_pb2.AUDIENCE_PERMISSION
    SERVICE = options_pb2.AUDIENCE_SERVICE


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRule:
    """Who may call one method, as its `(picstore.options.v1.access)` says."""

    method: str
    audience: Audience
    permission: str | None = None
    """What the caller must be allowed to do; the use-case's query decides it."""
    object_path: str | None = None
    """Path of the request field that names the object; None for the caller's team."""
    services: frozenset[str] = frozenset()
    """The names of the services that may call, where the method is for services."""

    def admit(self, principal: Principal | None) -> None:
        """Refuse callers that the method is not for, whatever object they ask for.

        Whether the permission is held on the object is decided where the object is fetched: an
        answer given here would tell strangers which objects exist.

        Raises:
            Unauthenticated: There is no credential, or none of a user where one is needed.
            PermissionDenied: The method is for certain services only.
        """
        if self.audience is Audience.PUBLIC:
            return
        if principal is None:
            raise Unauthenticated(
                Reason.CREDENTIAL_MISSING,
                "this needs a credential; send it as `authorization: Bearer …`",
            )
        if self.audience is Audience.SERVICE and principal.service not in self.services:
            raise PermissionDenied(
                Reason.SERVICE_ONLY,
                f"this method is for {' and '.join(sorted(self.services))} only",
                metadata={"method": self.method.lstrip("/")},
            )
        needs_user = self.audience is not Audience.SERVICE or self.permission is not None
        if needs_user and principal.team_id is None:
            raise Unauthenticated(
                Reason.CREDENTIAL_MISSING, "this needs the credential of a user, not of a service"
            )


def access_rules(service_names: Iterable[str]) -> Mapping[str, AccessRule]:
    """Read the access rules of all methods of the services from the contract.

    Raises:
        ValueError: A method does not say who may call it.
    """
    pool = descriptor_pool.Default()
    rules = {}
    for service_name in service_names:
        for method in pool.FindServiceByName(service_name).methods:
            path = f"/{service_name}/{method.name}"
            rules[path] = _access_rule(path, method)
    return rules


def permission_name(permission: permission_pb2.Permission.ValueType) -> str:
    """Return the permission as people write it: `image:read` for PERMISSION_IMAGE_READ."""
    words = permission_pb2.Permission.Name(permission).removeprefix(_PREFIX).lower()
    return ":".join(words.rsplit("_", 1))


def permission_number(name: str) -> permission_pb2.Permission.ValueType:
    """Return the permission that people write as `name`.

    Raises:
        ValueError: There is no such permission.
    """
    return permission_pb2.Permission.Value(_PREFIX + name.replace(":", "_").upper())


def principal_from_proto(
    message: authentication_pb2.Principal, *, service: str | None = None
) -> Principal:
    """Return the principal that auth's answer, or a service that acts for one, describes.

    Permissions that only a newer auth knows are dropped: nothing here asks for them.
    """
    known = permission_pb2.Permission.values()
    return Principal(
        team_id=TeamId(message.team_id) if message.team_id else None,
        user_id=UserId(message.user_id) if message.user_id else None,
        key_id=KeyId(message.key_id) if message.key_id else None,
        session_id=SessionId(message.session_id) if message.session_id else None,
        service=service,
        grants=tuple(
            Grant(
                permission=permission_name(grant.permission),
                project_id=ProjectId(grant.project_id) if grant.project_id else None,
            )
            for grant in message.grants
            if grant.permission in known
        ),
        default_upload_profile_id=(
            UploadProfileId(message.default_upload_profile_id)
            if message.default_upload_profile_id
            else None
        ),
    )


def principal_to_proto(principal: Principal) -> authentication_pb2.Principal:
    """Return the message by which a service says for whom it acts."""
    return authentication_pb2.Principal(
        team_id=principal.team_id or "",
        user_id=principal.user_id or "",
        key_id=principal.key_id or "",
        session_id=principal.session_id or "",
        grants=[
            authentication_pb2.Grant(
                permission=permission_number(grant.permission), project_id=grant.project_id or ""
            )
            for grant in principal.grants
        ],
        default_upload_profile_id=principal.default_upload_profile_id or "",
    )


def _access_rule(path: str, method: MethodDescriptor) -> AccessRule:
    access = method.GetOptions().Extensions[options_pb2.access]
    if access.audience == options_pb2.AUDIENCE_UNSPECIFIED:
        raise ValueError(f"{path} does not say who may call it")
    return AccessRule(
        method=path,
        audience=Audience(access.audience),
        permission=permission_name(access.permission) if access.permission else None,
        object_path=access.object or None,
        services=frozenset(access.services),
    )
