"""Whose a credential is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from picstore_auth.clock import Clock, utc_now
from picstore_auth.model.identity import Identity
from picstore_auth.repo import identities
from picstore_auth.repo.identities import IdentityRow, SessionRow
from picstore_auth.throttle import Throttle
from picstore_auth.usecases.last_uses import LastUses
from picstore_kit.credentials import APIKey, parse_credential
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.ids import KeyId, SessionId
from picstore_kit.pg.database import Database
from picstore_kit.rpc.origin import current_origin


class Authentication:
    """Turns API keys and session credentials into identities."""

    def __init__(
        self,
        database: Database,
        last_uses: LastUses,
        throttle: Throttle,
        *,
        session_idle: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        """`throttle` counts credentials that are not good; `session_idle` is how long a session
        lives without being used."""
        self._database = database
        self._last_uses = last_uses
        self._throttle = throttle
        self._session_idle = session_idle
        self._clock = clock

    async def authenticate(self, credential: str) -> Identity:
        """Return whose the credential is and what it allows now.

        Raises:
            Unauthenticated: It is none of ours, or unknown, or its secret is wrong
                (CREDENTIAL_INVALID); it was revoked, or its user or team disabled
                (CREDENTIAL_REVOKED); or its time is up (CREDENTIAL_EXPIRED).
            ResourceExhausted: It is not good, and neither were many that came from the same
                address (RATE_LIMITED). A good one is never refused for what others did.
        """
        try:
            return await self._authenticated(credential)
        except Unauthenticated as error:
            if error.reason is Reason.CREDENTIAL_INVALID:
                self._throttle.count(f"address {current_origin().client_address}")
            raise

    async def identify_key(self, key_id: KeyId) -> Identity:
        """Return whose a key is that was authenticated before, and what it allows now.

        Raises:
            Unauthenticated: The key is not good any more; reasons as in `authenticate`.
        """
        async with self._database.system_transaction() as conn:
            row = await identities.find(conn, key_id)
        if row is None:
            raise _invalid()
        return self._key_identity(row)

    async def identify_session(self, session_id: SessionId) -> Identity:
        """Return whose a session is that was authenticated before, and what it allows now.

        Raises:
            Unauthenticated: The session is not good any more; reasons as in `authenticate`.
        """
        async with self._database.system_transaction() as conn:
            row = await identities.find_session(conn, session_id)
        if row is None:
            raise _invalid()
        return self._session_identity(row)

    async def _authenticated(self, text: str) -> Identity:
        credential = parse_credential(text)
        row: IdentityRow | SessionRow | None
        async with self._database.system_transaction() as conn:
            if isinstance(credential, APIKey):
                row = await identities.find(conn, credential.key_id)
            else:
                row = await identities.find_session(conn, credential.session_id)
        if row is None or not credential.matches(row.digest):
            raise _invalid()
        if isinstance(row, IdentityRow):
            identity, used = self._key_identity(row), str(row.key_id)
        else:
            identity, used = self._session_identity(row), str(row.session_id)
        self._last_uses.note(used, self._clock(), stored=row.last_used_at)
        return identity

    def _key_identity(self, row: IdentityRow) -> Identity:
        self._refuse_stopped(row, what="API key", expires_at=row.expires_at)
        return row.identity()

    def _session_identity(self, row: SessionRow) -> Identity:
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


def _invalid() -> Unauthenticated:
    return Unauthenticated(Reason.CREDENTIAL_INVALID, "the credential is not good")
