"""InvitationService."""

from __future__ import annotations

from picstore.auth.v1 import invitation_pb2, invitation_pb2_grpc, user_pb2
from picstore_auth.mapping.invitation import invitation_message, new_invitation_from
from picstore_auth.mapping.user import user_message
from picstore_auth.model.invitation import Invitation
from picstore_auth.servicer.calling import calling
from picstore_auth.usecases.invitations import Invitations
from picstore_kit.ids import InvitationId, UserId, parse_id
from picstore_kit.rpc.call import Context


class InvitationServicer(invitation_pb2_grpc.InvitationServiceServicer):
    """Serves `InvitationService`."""

    def __init__(self, invitations: Invitations) -> None:
        self._invitations = invitations

    async def CreateInvitation(
        self, request: invitation_pb2.CreateInvitationRequest, context: Context
    ) -> invitation_pb2.CreateInvitationResponse:
        """Invite a user."""
        invited = await self._invitations.create_invitation(
            calling(), new_invitation_from(request), request_id=request.request_id
        )
        return invitation_pb2.CreateInvitationResponse(
            invitation=self._message(invited.invitation),
            token=invited.token,
            # In the fragment, which browsers keep to themselves: no log and no referrer has it.
            path=f"/invitation#{invited.token}" if invited.token else "",
        )

    async def ListInvitations(
        self, request: invitation_pb2.ListInvitationsRequest, context: Context
    ) -> invitation_pb2.ListInvitationsResponse:
        """List invitations."""
        user_id = parse_id(UserId, request.user_id, field="user_id") if request.user_id else None
        page = await self._invitations.list_invitations(
            calling(),
            user_id=user_id,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return invitation_pb2.ListInvitationsResponse(
            invitations=[self._message(invitation) for invitation in page.rows],
            next_page_token=page.next_page_token,
        )

    async def RevokeInvitation(
        self, request: invitation_pb2.RevokeInvitationRequest, context: Context
    ) -> invitation_pb2.Invitation:
        """Withdraw an invitation."""
        invitation_id = parse_id(InvitationId, request.invitation_id, field="invitation_id")
        return self._message(await self._invitations.revoke_invitation(calling(), invitation_id))

    async def AcceptInvitation(
        self, request: invitation_pb2.AcceptInvitationRequest, context: Context
    ) -> user_pb2.User:
        """Set the password of an invited user."""
        return user_message(
            await self._invitations.accept_invitation(request.token, request.password)
        )

    def _message(self, invitation: Invitation) -> invitation_pb2.Invitation:
        return invitation_message(invitation, state=self._invitations.state_of(invitation))
