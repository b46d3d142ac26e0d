"""Sessions: listing them, and ending them at once everywhere."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_auth.clock import Clock, utc_now
from picstore_auth.events import tell_revoked
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Permission
from picstore_auth.model.session import Session, SessionLifetimes
from picstore_auth.repo import sessions, users
from picstore_auth.repo.accounts import Account
from picstore_kit import audit
from picstore_kit.changes import FieldChange
from picstore_kit.errors import (
    FailedPrecondition,
    NotFound,
    PicstoreError,
    Reason,
    Unauthenticated,
)
from picstore_kit.ids import SessionId, TeamId, UserId
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Page, Pager

SWEEP_S: Final = 3600.0
KEEP_ENDED: Final = timedelta(days=30)
"""How long an ended session can still be told from one that never was."""

log = structlog.get_logger(__name__)


class Sessions:
    """Lists and ends sessions."""

    def __init__(
        self,
        database: Database,
        pager: Pager,
        *,
        lifetimes: SessionLifetimes,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._pager = pager
        self._lifetimes = lifetimes
        self._clock = clock

    async def log_out(self, caller: Caller) -> None:
        """End the caller's own session.

        Raises:
            FailedPrecondition: The caller has no session, but uses an API key (STATE_WRONG).
        """
        user_id, session_id = user_of(caller), caller.session_id
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
            return await self._page(conn, caller.team_id, user_of(caller), page_size, page_token)

    async def revoke_session(self, caller: Caller, session_id: SessionId) -> None:
        """End one of the caller's own sessions. Done again, it changes nothing.

        Raises:
            NotFound: The caller never had it.
        """
        user_id = user_of(caller)
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

    async def sweep(self) -> None:
        """Delete sessions that ended long ago, again and again, until cancelled."""
        while True:
            try:
                await self.delete_ended()
            except PicstoreError as error:
                log.warning("sessions.not_swept", reason=error.reason)
            await asyncio.sleep(SWEEP_S)

    async def delete_ended(self) -> None:
        """Delete sessions that ended long ago, of all teams."""
        async with self._database.system_transaction() as conn:
            await sessions.delete_ended(conn, self._clock() - KEEP_ENDED)

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


async def password_changed(
    conn: AsyncConnection[TupleRow], account: Account, *, keeping: SessionId | None = None
) -> None:
    """End a user's sessions after the password has changed, `keeping` one if it is given."""
    await end_sessions(conn, account.team_id, account.user_id, but=keeping)
    await audit.record(
        conn,
        team_id=account.team_id,
        resource_type="User",
        resource_id=account.user_id,
        changes=[FieldChange(field="password", old="", new="(changed)")],
    )


def user_of(caller: Caller) -> UserId:
    """Return the user who calls.

    Raises:
        Unauthenticated: It is the operator, who has neither sessions nor a password.
    """
    if caller.user_id is None:
        raise Unauthenticated(Reason.CREDENTIAL_MISSING, "this needs the credential of a user")
    return caller.user_id
