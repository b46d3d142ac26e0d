"""Invitations."""

from __future__ import annotations

from picstore.auth.v1 import invitation_pb2
from picstore_auth.mapping.duration import duration_from
from picstore_auth.mapping.timestamp import optional_timestamp, timestamp_message
from picstore_auth.model.invitation import (
    DEFAULT_LIFETIME,
    MAX_LIFETIME,
    MIN_LIFETIME,
    Invitation,
    NewInvitation,
)
from picstore_kit.ids import UserId
from picstore_kit.violations import all_at_once


def new_invitation_from(request: invitation_pb2.CreateInvitationRequest) -> NewInvitation:
    """Read an invitation to make.

    Raises:
        InvalidFields: Fields are wrong.
    """
    lifetime = DEFAULT_LIFETIME
    with all_at_once() as violations:
        user_id = violations.id(UserId, request.user_id, "user_id")
        if request.HasField("lifetime"):
            asked = duration_from(request.lifetime)
            if asked is None or not MIN_LIFETIME <= asked <= MAX_LIFETIME:
                violations.add("lifetime", f"must be 1 minute to {MAX_LIFETIME.days} days")
            else:
                lifetime = asked
    return NewInvitation(user_id=user_id, lifetime=lifetime)


def invitation_message(invitation: Invitation, *, state: str) -> invitation_pb2.Invitation:
    """Write an invitation; `state` is the name of what it is now."""
    return invitation_pb2.Invitation(
        id=invitation.id,
        user_id=invitation.user_id,
        inviter_id=invitation.inviter_id,
        state=invitation_pb2.Invitation.State.Value(f"STATE_{state}"),
        create_time=timestamp_message(invitation.created_at),
        expire_time=timestamp_message(invitation.expires_at),
        accept_time=optional_timestamp(invitation.accepted_at),
    )
