"""Whose an API key is."""

from __future__ import annotations

from datetime import UTC

from picstore_auth.clock import Clock, utc_now
from picstore_auth.model.identity import Identity
from picstore_auth.repo import identities
from picstore_auth.repo.identities import IdentityRow
from picstore_auth.usecases.last_uses import LastUses
from picstore_kit.credentials import parse_api_key
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.ids import KeyId
from picstore_kit.pg.database import Database


class Authentication:
    """Turns API keys into identities."""

    def __init__(self, database: Database, last_uses: LastUses, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._last_uses = last_uses
        self._clock = clock

    async def authenticate(self, credential: str) -> Identity:
        """Return whose the API key is and what it allows now.

        Raises:
            Unauthenticated: It is not an API key, or unknown, or its secret is wrong
                (CREDENTIAL_INVALID); it was revoked or its user disabled (CREDENTIAL_REVOKED);
                or its time is up (CREDENTIAL_EXPIRED).
        """
        api_key = parse_api_key(credential)
        async with self._database.system_transaction() as conn:
            row = await identities.find(conn, api_key.key_id)
        if row is None or not api_key.matches(row.digest):
            raise _invalid()
        self._refuse_stopped(row)
        self._last_uses.note(row.key_id, self._clock(), stored=row.last_used_at)
        return row.identity()

    async def identify(self, key_id: KeyId) -> Identity:
        """Return whose a key is that was authenticated before, and what it allows now.

        Raises:
            Unauthenticated: The key is not good any more; reasons as in `authenticate`.
        """
        async with self._database.system_transaction() as conn:
            row = await identities.find(conn, key_id)
        if row is None:
            raise _invalid()
        self._refuse_stopped(row)
        return row.identity()

    def _refuse_stopped(self, row: IdentityRow) -> None:
        if row.revoked_at is not None or row.user_disabled:
            raise Unauthenticated(
                Reason.CREDENTIAL_REVOKED, "the API key was revoked, or its user disabled"
            )
        if row.expires_at is not None and row.expires_at <= self._clock():
            expired = row.expires_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
            raise Unauthenticated(
                Reason.CREDENTIAL_EXPIRED,
                f"the API key expired at {expired}",
                metadata={"expire_time": expired},
            )


def _invalid() -> Unauthenticated:
    return Unauthenticated(Reason.CREDENTIAL_INVALID, "the API key is not good")
