"""Principals."""

from __future__ import annotations

from picstore.auth.v1 import authentication_pb2
from picstore_auth.mapping.grant import grant_messages
from picstore_auth.mapping.timestamp import optional_timestamp
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import (
    Grant,
    Permission,
    normalised,
)
from picstore_auth.model.identity import Identity
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.rpc import auth as rpc_auth
from picstore_kit.rpc.auth import Principal


def caller_from(principal: Principal) -> Caller:
    """Return the member of a team that a principal is, or acts for.

    Raises:
        Unauthenticated: It is a service that acts for nobody.
    """
    if principal.team_id is None:
        raise Unauthenticated(
            Reason.CREDENTIAL_MISSING, "this needs the credential of a user, not of a service"
        )
    return Caller(
        team_id=principal.team_id,
        user_id=principal.user_id,
        key_id=principal.key_id,
        session_id=principal.session_id,
        grants=normalised(
            Grant(permission=Permission(grant.permission), project_id=grant.project_id)
            for grant in principal.grants
        ),
    )


def principal_from(identity: Identity) -> Principal:
    """Return the principal that a credential makes its caller."""
    return Principal(
        team_id=identity.team_id,
        user_id=identity.user_id,
        key_id=identity.key_id,
        session_id=identity.session_id,
        grants=tuple(
            rpc_auth.Grant(permission=grant.permission, project_id=grant.project_id)
            for grant in identity.grants
        ),
        default_upload_profile_id=identity.default_upload_profile_id,
    )


def identity_message(identity: Identity) -> authentication_pb2.Principal:
    """Write whose a credential is."""
    return authentication_pb2.Principal(
        team_id=identity.team_id,
        user_id=identity.user_id,
        key_id=identity.key_id or "",
        session_id=identity.session_id or "",
        grants=grant_messages(identity.grants),
        default_upload_profile_id=identity.default_upload_profile_id or "",
        expire_time=optional_timestamp(identity.expires_at),
    )
