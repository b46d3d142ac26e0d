"""Logging in and out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_auth.clock import Clock, utc_now
from picstore_auth.events import tell_revoked
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Permission
from picstore_auth.model.session import MAX_USER_AGENT, Login, Session
from picstore_auth.model.text import password_fault
from picstore_auth.repo import accounts, sessions, users
from picstore_auth.repo.accounts import Account
from picstore_auth.throttle import Throttle
from picstore_auth.usecases.passwords import Passwords
from picstore_kit import audit
from picstore_kit.changes import FieldChange
from picstore_kit.credentials import new_session_secret
from picstore_kit.errors import (
    FailedPrecondition,
    InvalidField,
    NotFound,
    PicstoreError,
    Reason,
    Unauthenticated,
)
from picstore_kit.ids import SessionId, TeamId, UserId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Page, Pager
from picstore_kit.rpc.origin import current_origin

TEAMS_PER_ADDRESS: Final = 10
"""Teams that are tried for a login which names none."""

SWEEP_S: Final = 3600.0
KEEP_ENDED: Final = timedelta(days=30)
"""How long an ended session can still be told from one that never was."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A new session, and its credential this one time."""

    session: Session
    credential: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long sessions live."""

    idle: timedelta
    """Without being used."""
    absolute: timedelta
    """However much they are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginThrottles:
    """Failed logins, counted in two ways."""

    account: Throttle
    """By team, e-mail address and network address together: nobody can lock somebody else out."""
    address: Throttle
    """By network address, whichever accounts are tried from it."""


class Sessions:
    """Begins and ends sessions."""

    def __init__(
        self,
        database: Database,
        pager: Pager,
        passwords: Passwords,
        *,
        throttles: LoginThrottles,
        lifetimes: Lifetimes,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._pager = pager
        self._passwords = passwords
        self._throttles = throttles
        self._lifetimes = lifetimes
        self._clock = clock

    async def log_in(self, login: Login) -> Begun:
        """Begin a session.

        Raises:
            Unauthenticated: LOGIN_FAILED, whatever was wrong.
            ResourceExhausted: Too many logins failed (RATE_LIMITED).
            InvalidField: Address and password are good in several teams, and none is named.
        """
        address = current_origin().client_address
        account = f"{login.team} {login.email.casefold()} {address}"
        self._throttles.address.refuse(address)
        self._throttles.account.refuse(account)
        async with self._database.system_transaction() as conn:
            found = await accounts.find_by_email(
                conn, login.email, team=login.team, limit=TEAMS_PER_ADDRESS
            )
        good = await self._with_password(found, login.password)
        if not good:
            await self._refuse_login(found, address=address, account=account)
        if len(good) > 1:
            raise InvalidField("team", "must be given: this address is known in several teams")
        self._throttles.account.forgive(account)
        return await self._begin(good[0], login.password)

    async def log_out(self, caller: Caller) -> None:
        """End the caller's own session.

        Raises:
            FailedPrecondition: The caller has no session, but uses an API key (STATE_WRONG).
        """
        user_id, session_id = _user_of(caller), caller.session_id
        if session_id is None:
            raise FailedPrecondition(
                Reason.STATE_WRONG,
                "you have not logged in, but call with an API key; revoke the key to end it",
                metadata={"state": "API_KEY"},
            )
        await self._end(caller.team_id, user_id, only=session_id)

    async def list_sessions(
        self, caller: Caller, *, page_size: int, page_token: str
    ) -> Page[Session]:
        """List the caller's own live sessions, newest first.

        Raises:
            InvalidArgument: The page size or the page token is wrong.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            return await self._page(conn, caller.team_id, _user_of(caller), page_size, page_token)

    async def revoke_session(self, caller: Caller, session_id: SessionId) -> None:
        """End one of the caller's own sessions. Done again, it changes nothing.

        Raises:
            NotFound: The caller never had it.
        """
        user_id = _user_of(caller)
        async with self._database.transaction(team=caller.team_id) as conn:
            if not await sessions.exists(conn, caller.team_id, user_id, session_id):
                raise NotFound.of("Session", session_id)
        await self._end(caller.team_id, user_id, only=session_id)

    async def list_user_sessions(
        self, caller: Caller, user_id: UserId, *, page_size: int, page_token: str
    ) -> Page[Session]:
        """List the live sessions of a user, newest first.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:read.
            InvalidArgument: The page size or the page token is wrong.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            await users.fetch(conn, caller, user_id, Permission.TEAM_READ)
            return await self._page(conn, caller.team_id, user_id, page_size, page_token)

    async def revoke_user_sessions(self, caller: Caller, user_id: UserId) -> int:
        """End all sessions of a user; return how many there were.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:write.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            await users.fetch(conn, caller, user_id, Permission.TEAM_WRITE)
        return await self._end(caller.team_id, user_id)

    async def change_password(self, caller: Caller, *, current: str, new: str) -> None:
        """Change the caller's own password and end the caller's other sessions.

        Raises:
            Unauthenticated: The current password is wrong (LOGIN_FAILED).
            ResourceExhausted: It was wrong too often (RATE_LIMITED).
            InvalidField: The new password is too weak.
        """
        user_id = _user_of(caller)
        account = f"{caller.team_id} {user_id}"
        self._throttles.account.refuse(account)
        async with self._database.transaction(team=caller.team_id) as conn:
            known = await accounts.fetch(conn, caller.team_id, user_id)
        if (fault := password_fault(new, email=known.email if known else "")) is not None:
            raise InvalidField("new_password", fault)
        if known is None or not await self._passwords.matches(known.password_hash, current):
            self._throttles.account.count(account)
            raise _login_failed()
        hashed = await self._passwords.hash(new)
        async with self._database.transaction(team=caller.team_id) as conn:
            await set_password(conn, caller.team_id, user_id, hashed, keeping=caller.session_id)

    async def sweep(self) -> None:
        """Delete sessions that ended long ago, again and again, until cancelled."""
        while True:
            try:
                async with self._database.system_transaction() as conn:
                    await sessions.delete_ended(conn, self._clock() - KEEP_ENDED)
            except PicstoreError as error:
                log.warning("sessions.not_swept", reason=error.reason)
            await asyncio.sleep(SWEEP_S)

    async def _with_password(self, found: list[Account], password: str) -> list[Account]:
        if not found:
            await self._passwords.matches(None, password)
        return [
            account
            for account in found
            if await self._passwords.matches(account.password_hash, password)
            and not account.disabled
        ]

    async def _refuse_login(self, found: list[Account], *, address: str, account: str) -> None:
        teams: set[TeamId | None] = {known.team_id for known in found}
        for team_id in teams or {None}:
            await audit.record_denied(
                self._database, team_id=team_id, reason=Reason.LOGIN_FAILED, resource_type="Session"
            )
        self._throttles.address.count(address)
        self._throttles.account.count(account)
        raise _login_failed()

    async def _begin(self, account: Account, password: str) -> Begun:
        now, origin = self._clock(), current_origin()
        session = Session(
            id=new_id(SessionId),
            user_id=account.user_id,
            client_address=origin.client_address,
            user_agent=origin.user_agent[:MAX_USER_AGENT],
            created_at=now,
            last_used_at=now,
            expires_at=now + self._lifetimes.absolute,
        )
        secret = new_session_secret(session.id)
        stored = account.password_hash or ""
        renewed = (
            await self._passwords.hash(password) if self._passwords.is_outdated(stored) else None
        )
        async with self._database.transaction(team=account.team_id) as conn:
            await sessions.insert(conn, account.team_id, session, secret.digest)
            await accounts.note_login(conn, account.team_id, account.user_id, now)
            if renewed is not None:
                await accounts.set_password(conn, account.team_id, account.user_id, renewed)
            await audit.record(
                conn,
                team_id=account.team_id,
                resource_type="Session",
                resource_id=session.id,
                changes=[FieldChange(field="user_id", old="", new=account.user_id)],
            )
        return Begun(session=session, credential=secret.text)

    async def _page(
        self,
        conn: AsyncConnection[TupleRow],
        team_id: TeamId,
        user_id: UserId,
        page_size: int,
        page_token: str,
    ) -> Page[Session]:
        page = self._pager.open(
            page_size=page_size, page_token=page_token, scope=("sessions", team_id, user_id)
        )
        now = self._clock()
        rows = await sessions.fetch_live(
            conn,
            team_id,
            user_id,
            now=now,
            used_since=now - self._lifetimes.idle,
            before=page.after[0] if page.after else None,
            limit=page.limit,
        )
        return self._pager.close(page, rows, cursor=lambda session: (session.id,))

    async def _end(self, team_id: TeamId, user_id: UserId, *, only: SessionId | None = None) -> int:
        async with self._database.transaction(team=team_id) as conn:
            return await end_sessions(conn, team_id, user_id, only=only)


async def end_sessions(
    conn: AsyncConnection[TupleRow],
    team_id: TeamId,
    user_id: UserId,
    *,
    only: SessionId | None = None,
    but: SessionId | None = None,
) -> int:
    """End a user's sessions: all, `only` one, or all `but` one; return how many were live."""
    ended = await sessions.revoke(conn, team_id, user_id, only=only, but=but)
    await tell_revoked(conn, team_id, ended)
    for session_id in ended:
        await audit.record(
            conn,
            team_id=team_id,
            resource_type="Session",
            resource_id=session_id,
            changes=[FieldChange(field="user_id", old=user_id, new="")],
        )
    return len(ended)


async def set_password(
    conn: AsyncConnection[TupleRow],
    team_id: TeamId,
    user_id: UserId,
    password_hash: str,
    *,
    keeping: SessionId | None = None,
) -> None:
    """Store a new password and end the user's sessions, `keeping` one if it is given."""
    await accounts.set_password(conn, team_id, user_id, password_hash)
    await end_sessions(conn, team_id, user_id, but=keeping)
    await audit.record(
        conn,
        team_id=team_id,
        resource_type="User",
        resource_id=user_id,
        changes=[FieldChange(field="password", old="", new="(changed)")],
    )


def _user_of(caller: Caller) -> UserId:
    if caller.user_id is None:
        raise Unauthenticated(Reason.CREDENTIAL_MISSING, "this needs the credential of a user")
    return caller.user_id


def _login_failed() -> Unauthenticated:
    return Unauthenticated(
        Reason.LOGIN_FAILED,
        "team, e-mail address or password is wrong, or the user cannot log in",
    )
