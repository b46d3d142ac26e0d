"""Inviting users to set a password."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from picstore_auth.clock import Clock, utc_now
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Permission
from picstore_auth.model.invitation import Invitation, NewInvitation
from picstore_auth.model.text import password_fault
from picstore_auth.model.user import User
from picstore_auth.repo import accounts, invitations, users
from picstore_auth.repo.invitations import Presented
from picstore_auth.throttle import Throttle, network_of
from picstore_auth.usecases.granting import refuse_giving_unheld
from picstore_auth.usecases.passwords import Passwords
from picstore_auth.usecases.repeats import Once
from picstore_auth.usecases.sessions import password_changed
from picstore_kit import audit
from picstore_kit.changes import FieldChange
from picstore_kit.credentials import (
    InvitationToken,
    MalformedCredential,
    new_invitation_token,
    parse_invitation_token,
)
from picstore_kit.errors import FailedPrecondition, InvalidField, Reason
from picstore_kit.ids import InvitationId, UserId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Page, Pager
from picstore_kit.rpc.auth import Principal, acting_as
from picstore_kit.rpc.origin import current_origin

_CREATE_ONCE: Final = Once("CreateInvitation", NewInvitation, Invitation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """A new invitation, and its token this one time."""

    invitation: Invitation
    token: str = field(repr=False)
    """Empty where the invitation was made by the same request before."""


class Invitations:
    """Makes one-time links, and lets those who have them set a password."""

    def __init__(
        self,
        database: Database,
        pager: Pager,
        passwords: Passwords,
        throttle: Throttle,
        *,
        clock: Clock = utc_now,
    ) -> None:
        """`throttle` counts tokens that are not good, by network address."""
        self._database = database
        self._pager = pager
        self._passwords = passwords
        self._throttle = throttle
        self._clock = clock

    async def create_invitation(
        self, caller: Caller, new: NewInvitation, *, request_id: str
    ) -> Invited:
        """Invite a user, and withdraw an earlier invitation that is open.

        Whoever has the link can become the user, so nobody invites a user who may do more.

        Raises:
            NotFound: The team has no such user.
            PermissionDenied: The caller lacks team:write, or something that the user holds.
            AlreadyExists: The request id was used for another invitation (REQUEST_ID_REUSED).
        """
        token = new_invitation_token(new_id(InvitationId))
        async with self._database.transaction(team=caller.team_id) as conn:
            await users.fetch(conn, caller, new.user_id, Permission.TEAM_WRITE, lock=True)

            async def create() -> Invitation:
                held = await users.fetch_grants(conn, caller, new.user_id, Permission.TEAM_WRITE)
                refuse_giving_unheld(caller, held or ())
                await invitations.revoke_open(conn, caller.team_id, new.user_id)
                now = self._clock()
                invitation = Invitation(
                    id=token.invitation_id,
                    user_id=new.user_id,
                    inviter_id=caller.user_id or "",
                    created_at=now,
                    expires_at=now + new.lifetime,
                    accepted_at=None,
                    revoked_at=None,
                )
                await invitations.insert(conn, caller, invitation, token.digest)
                await audit.record(
                    conn,
                    team_id=caller.team_id,
                    resource_type="Invitation",
                    resource_id=invitation.id,
                    changes=[FieldChange(field="user_id", old="", new=new.user_id)],
                )
                return invitation

            invitation = await _CREATE_ONCE(conn, caller, request_id, new, create)
        fresh = invitation.id == token.invitation_id
        return Invited(invitation=invitation, token=token.text if fresh else "")

    async def list_invitations(
        self, caller: Caller, *, user_id: UserId | None, page_size: int, page_token: str
    ) -> Page[Invitation]:
        """List invitations, of one user or of all, newest first.

        Raises:
            NotFound: The team has no such user.
            PermissionDenied: The caller lacks team:read.
            InvalidArgument: The page size or the page token is wrong.
        """
        page = self._pager.open(
            page_size=page_size,
            page_token=page_token,
            scope=("invitations", caller.team_id, user_id or ""),
        )
        async with self._database.transaction(team=caller.team_id) as conn:
            if user_id is not None:
                await users.fetch(conn, caller, user_id, Permission.TEAM_READ)
            rows = await invitations.fetch_page(
                conn,
                caller,
                Permission.TEAM_READ,
                user_id=user_id,
                before=page.after[0] if page.after else None,
                limit=page.limit,
            )
        return self._pager.close(page, rows, cursor=lambda invitation: (invitation.id,))

    async def revoke_invitation(self, caller: Caller, invitation_id: InvitationId) -> Invitation:
        """Withdraw an invitation. Done again, or after it was accepted, it changes nothing.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:write.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            known = await invitations.fetch(conn, caller, invitation_id, Permission.TEAM_WRITE)
            if known.revoked_at is not None or known.accepted_at is not None:
                return known
            revoked = await invitations.revoke(conn, caller, invitation_id)
            await audit.record(
                conn,
                team_id=caller.team_id,
                resource_type="Invitation",
                resource_id=invitation_id,
                changes=[FieldChange(field="user_id", old=known.user_id, new="")],
            )
            return revoked

    async def accept_invitation(self, text: str, password: str) -> User:
        """Set the invited user's password; the link is used up, and the user's sessions end.

        Raises:
            InvalidField: The password is too weak; the link stays good.
            FailedPrecondition: The link is not good (INVITATION_INVALID); why, is not told.
            ResourceExhausted: Nor were many others from the address (RATE_LIMITED). A good link is
                never refused for that.
        """
        token, presented = await self._presented(text)
        if not (presented.is_open(self._clock()) and presented.is_backed()):
            raise _invalid()
        async with self._database.transaction(team=presented.team_id) as conn:
            account = await accounts.fetch(conn, presented.team_id, presented.user_id)
        if account.disabled:
            raise _invalid()
        fault = password_fault(password, email=account.email, team=account.team)
        if fault is not None:
            raise InvalidField("password", fault)
        hashed = await self._passwords.hash(password)
        user = Principal(team_id=account.team_id, user_id=account.user_id)
        async with self._database.transaction(team=account.team_id) as conn:
            if not await invitations.accept(conn, token.invitation_id, now=self._clock()):
                raise _invalid()
            if not await accounts.set_password(conn, account, hashed):
                raise _invalid()
            with acting_as(user):
                await password_changed(conn, account)
                await audit.record(
                    conn,
                    team_id=account.team_id,
                    resource_type="Invitation",
                    resource_id=token.invitation_id,
                    changes=[FieldChange(field="state", old="OPEN", new="ACCEPTED")],
                )
            return await users.read(conn, account.team_id, account.user_id)

    def state_of(self, invitation: Invitation) -> str:
        """Return how far an invitation is, as the contract calls it."""
        return invitation.state(self._clock()).name

    async def _presented(self, text: str) -> tuple[InvitationToken, Presented]:
        """Return the invitation that the text is the token of."""
        try:
            token = parse_invitation_token(text)
        except MalformedCredential:
            raise self._bad() from None
        async with self._database.system_transaction() as conn:
            presented = await invitations.find_presented(conn, token.invitation_id)
        if presented is None or not token.matches(presented.digest):
            raise self._bad()
        return token, presented

    def _bad(self) -> FailedPrecondition:
        """Count a text that is the token of nothing, and return what to say of it."""
        network = network_of(current_origin().client_address)
        self._throttle.refuse(network)
        self._throttle.count(network)
        return _invalid()


def _invalid() -> FailedPrecondition:
    return FailedPrecondition(
        Reason.INVITATION_INVALID,
        "the invitation is unknown, withdrawn, used or too old; ask for another",
    )
