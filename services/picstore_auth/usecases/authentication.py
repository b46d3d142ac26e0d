"""Whose a credential is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_auth.clock import Clock, utc_now
from picstore_auth.model.identity import Identity
from picstore_auth.repo import identities
from picstore_auth.repo.identities import IdentityRow, SessionRow
from picstore_auth.throttle import Throttle, network_of
from picstore_auth.usecases.last_uses import LastUses
from picstore_kit.credentials import APIKey, Credential, MalformedCredential, parse_credential
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.ids import KeyId, SessionId
from picstore_kit.pg.database import Database
from picstore_kit.rpc.origin import current_origin


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialThrottles:
    """Credentials that were not good, counted in two ways."""

    credential: Throttle
    """By the id of the key or session whose secret was guessed at."""
    address: Throttle
    """By network address, whatever was tried from it."""


class Authentication:
    """Turns API keys and session credentials into identities."""

    def __init__(
        self,
        database: Database,
        last_uses: LastUses,
        throttles: CredentialThrottles,
        *,
        session_idle: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        """`session_idle` is how long a session lives without being used."""
        self._database = database
        self._last_uses = last_uses
        self._throttles = throttles
        self._session_idle = session_idle
        self._clock = clock

    async def authenticate(self, credential: str) -> Identity:
        """Return whose the credential is and what it allows now.

        Raises:
            Unauthenticated: It is none of ours, or unknown, or its secret is wrong
                (CREDENTIAL_INVALID); it was revoked, or its user or team disabled
                (CREDENTIAL_REVOKED); or its time is up (CREDENTIAL_EXPIRED).
            ResourceExhausted: It is not good, and neither were many before it, of the same id or
                from the same address (RATE_LIMITED). A good one is never refused for that: with 190
                random bits there is nothing to guess, and neighbours must not shut each other out.
        """
        try:
            parsed = parse_credential(credential)
        except MalformedCredential:
            self._count_bad("")
            raise
        credential_id = parsed.key_id if isinstance(parsed, APIKey) else parsed.session_id
        async with self._database.system_transaction() as conn:
            row = await _find(conn, parsed)
        if row is None or not parsed.matches(row.digest):
            self._count_bad(credential_id)
            raise _invalid()
        identity = self._identity(row)
        self._last_uses.note(credential_id, self._clock(), stored=row.last_used_at)
        return identity

    async def identify_key(self, key_id: KeyId) -> Identity:
        """Return whose a key is that was authenticated before, and what it allows now.

        Raises:
            Unauthenticated: The key is not good any more; reasons as in `authenticate`.
        """
        async with self._database.system_transaction() as conn:
            row = await identities.find(conn, key_id)
        if row is None:
            raise _invalid()
        return self._identity(row)

    async def identify_session(self, session_id: SessionId) -> Identity:
        """Return whose a session is that was authenticated before, and what it allows now.

        Raises:
            Unauthenticated: The session is not good any more; reasons as in `authenticate`.
        """
        async with self._database.system_transaction() as conn:
            row = await identities.find_session(conn, session_id)
        if row is None:
            raise _invalid()
        return self._identity(row)

    def _count_bad(self, credential_id: str) -> None:
        network = network_of(current_origin().client_address)
        self._throttles.address.refuse(network)
        self._throttles.credential.refuse(credential_id)
        self._throttles.address.count(network)
        self._throttles.credential.count(credential_id)

    def _identity(self, row: IdentityRow | SessionRow) -> Identity:
        if isinstance(row, IdentityRow):
            self._refuse_stopped(row, what="API key", expires_at=row.expires_at)
            return row.identity()
        ends = min(row.expires_at, row.last_used_at + self._session_idle)
        self._refuse_stopped(row, what="session", expires_at=ends)
        return row.identity(expires_at=ends)

    def _refuse_stopped(
        self, row: IdentityRow | SessionRow, *, what: str, expires_at: datetime | None
    ) -> None:
        if row.revoked_at is not None or row.user_disabled or row.team_disabled:
            raise Unauthenticated(
                Reason.CREDENTIAL_REVOKED,
                f"the {what} was revoked, or its user or team disabled",
            )
        if expires_at is not None and expires_at <= self._clock():
            expired = expires_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
            raise Unauthenticated(
                Reason.CREDENTIAL_EXPIRED,
                f"the {what} expired at {expired}",
                metadata={"expire_time": expired},
            )


async def _find(
    conn: AsyncConnection[TupleRow], credential: Credential
) -> IdentityRow | SessionRow | None:
    if isinstance(credential, APIKey):
        return await identities.find(conn, credential.key_id)
    return await identities.find_session(conn, credential.session_id)


def _invalid() -> Unauthenticated:
    return Unauthenticated(Reason.CREDENTIAL_INVALID, "the credential is not good")
