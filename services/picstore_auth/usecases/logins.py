"""Logging in with a password, and changing it.

Two limits hold back who guesses. A network address from which too many logins failed is not
listened to at all. A user on whom too many failed, from wherever, is let in only from addresses
that the user has logged in from before: so nobody can guess from many addresses at once, and nobody
can shut a user out of the places that the user works from. Either ends with its window, which what
is refused does not prolong.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from picstore_auth.clock import Clock, utc_now
from picstore_auth.model.caller import Caller
from picstore_auth.model.session import Login, Session, SessionLifetimes
from picstore_auth.model.text import password_fault
from picstore_auth.repo import accounts, sessions
from picstore_auth.repo.accounts import Account
from picstore_auth.throttle import Throttle, network_of
from picstore_auth.usecases.passwords import AT_ONCE, Passwords
from picstore_auth.usecases.sessions import password_changed, user_of
from picstore_kit import audit
from picstore_kit.changes import FieldChange
from picstore_kit.credentials import new_session_secret
from picstore_kit.errors import InvalidField, Reason, Unauthenticated
from picstore_kit.ids import SessionId, TeamId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.rpc.auth import Principal, acting_as
from picstore_kit.rpc.origin import current_origin

TEAMS_PER_ADDRESS: Final = 10
"""Teams that are tried for a login which names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A new session, and its credential this one time."""

    session: Session
    credential: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginThrottles:
    """Failed logins, counted in two ways."""

    account: Throttle
    """By user; by what was typed where there is none."""
    address: Throttle
    """By network address, whichever users are tried from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidates:
    """Who a login may be."""

    accounts: list[Account]
    team_id: TeamId | None
    """The team that was named, if there is such a one."""
    names: list[str]
    """What a failure is counted by, beside the network address."""


class Logins:
    """Checks passwords."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        *,
        throttles: LoginThrottles,
        lifetimes: SessionLifetimes,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._throttles = throttles
        self._lifetimes = lifetimes
        self._clock = clock
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def log_in(self, login: Login) -> Begun:
        """Begin a session.

        Raises:
            Unauthenticated: LOGIN_FAILED, whatever was wrong.
            ResourceExhausted: Too many logins failed (RATE_LIMITED).
            InvalidField: Address and password are good in several teams, and none is named.
        """
        network = network_of(current_origin().client_address)
        self._throttles.address.refuse(network)
        async with self._turns:
            # Again: of many that came at once, those before this one may have failed meanwhile.
            self._throttles.address.refuse(network)
            candidates = await self._candidates(login)
            good = await self._with_password(candidates.accounts, login.password)
            if not good:
                self._throttles.address.count(network)
                for name in candidates.names:
                    self._throttles.account.count(name)
        if not good:
            await self._record_failure(candidates)
            raise _login_failed()
        if len(good) > 1:
            raise InvalidField("team", "must be given: this address is known in several teams")
        return await self._begin(good[0], login.password)

    async def change_password(self, caller: Caller, *, current: str, new: str) -> None:
        """Change the caller's own password and end the caller's other sessions.

        Raises:
            Unauthenticated: The current password is wrong (LOGIN_FAILED).
            ResourceExhausted: It was wrong too often (RATE_LIMITED).
            InvalidField: The new password is too weak.
        """
        user_id = user_of(caller)
        # Counted apart from logins: who has stolen a session must not shut out its owner.
        name = f"change {user_id}"
        async with self._turns:
            self._throttles.account.refuse(name)
            async with self._database.transaction(team=caller.team_id) as conn:
                account = await accounts.fetch(conn, caller.team_id, user_id)
            fault = password_fault(new, email=account.email, team=account.team)
            if fault is not None:
                raise InvalidField("new_password", fault)
            same = await self._passwords.matches(account.password_hash, current)
            if not same:
                self._throttles.account.count(name)
        if same:
            hashed = await self._passwords.hash(new)
            async with self._database.transaction(team=caller.team_id) as conn:
                # False where another change was faster, which made `current` a wrong password.
                if await accounts.set_password(conn, account, hashed):
                    await password_changed(conn, account, keeping=caller.session_id)
                    return
        await audit.record_denied(
            self._database,
            team_id=caller.team_id,
            reason=Reason.LOGIN_FAILED,
            resource_type="User",
            resource_id=user_id,
        )
        raise _login_failed()

    async def _candidates(self, login: Login) -> _Candidates:
        """Find who may be logging in; who must not from this address is left out.

        Raises:
            ResourceExhausted: Nobody is left (RATE_LIMITED).
        """
        address = current_origin().client_address
        async with self._database.system_transaction() as conn:
            team_id = await accounts.team_named(conn, login.team)
            found = await accounts.find_by_email(
                conn, login.email, team=login.team, limit=TEAMS_PER_ADDRESS
            )
            familiar = await accounts.familiar(conn, found, client_address=address)
        names: list[str] = [account.user_id for account in found]
        if not names:
            names = [f"{login.team} {login.email.casefold()}"]
        over = {name for name in names if self._throttles.account.is_over(name)} - familiar
        if over.issuperset(names):
            self._throttles.account.refuse(names[0])
        return _Candidates(
            accounts=[account for account in found if account.user_id not in over],
            team_id=team_id,
            names=[name for name in names if name not in over],
        )

    async def _with_password(self, candidates: list[Account], password: str) -> list[Account]:
        if not candidates:
            await self._passwords.matches(None, password)
        return [
            account
            for account in candidates
            if await self._passwords.matches(account.password_hash, password)
            and not account.disabled
        ]

    async def _record_failure(self, candidates: _Candidates) -> None:
        for account in candidates.accounts:
            await audit.record_denied(
                self._database,
                team_id=account.team_id,
                reason=Reason.LOGIN_FAILED,
                resource_type="User",
                resource_id=account.user_id,
            )
        if not candidates.accounts:
            await audit.record_denied(
                self._database,
                team_id=candidates.team_id,
                reason=Reason.LOGIN_FAILED,
                resource_type="User",
            )

    async def _begin(self, account: Account, password: str) -> Begun:
        now, origin = self._clock(), current_origin()
        session = Session(
            id=new_id(SessionId),
            user_id=account.user_id,
            client_address=origin.client_address,
            user_agent=origin.user_agent,
            created_at=now,
            last_used_at=now,
            expires_at=now + self._lifetimes.absolute,
        )
        secret = new_session_secret(session.id)
        password_hash = account.password_hash or ""
        if self._passwords.is_outdated(password_hash):
            password_hash = await self._passwords.hash(password)
        principal = Principal(
            team_id=account.team_id, user_id=account.user_id, session_id=session.id
        )
        async with self._database.transaction(team=account.team_id) as conn:
            if not await accounts.note_login(conn, account, now, password_hash=password_hash):
                raise _login_failed()
            await sessions.insert(conn, account.team_id, session, secret.digest)
            with acting_as(principal):
                await audit.record(
                    conn,
                    team_id=account.team_id,
                    resource_type="Session",
                    resource_id=session.id,
                    changes=[FieldChange(field="user_id", old="", new=account.user_id)],
                )
        return Begun(session=session, credential=secret.text)


def _login_failed() -> Unauthenticated:
    return Unauthenticated(
        Reason.LOGIN_FAILED,
        "team, e-mail address or password is wrong, or the user cannot log in",
    )
