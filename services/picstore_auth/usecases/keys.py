"""API keys of a team."""

from __future__ import annotations

from dataclasses import dataclass, field

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_auth.clock import Clock, utc_now
from picstore_auth.events import tell_keys_revoked
from picstore_auth.model.api_key import Key, NewKey
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Permission, uncovered
from picstore_auth.repo import keys, users
from picstore_auth.repo.access import require
from picstore_auth.usecases.granting import refuse_giving_unheld
from picstore_kit.credentials import new_api_key
from picstore_kit.errors import PermissionDenied
from picstore_kit.ids import KeyId, UserId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Page, Pager
from picstore_kit.violations import all_at_once


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeKey:
    """A new key, and its text this one time."""

    key: Key
    credential: str = field(repr=False)


class Keys:
    """Administers the API keys of the caller's team."""

    def __init__(self, database: Database, pager: Pager, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._pager = pager
        self._clock = clock

    async def create_key(self, caller: Caller, new: NewKey) -> MadeKey:
        """Make a key for a user.

        Raises:
            PermissionDenied: The caller lacks team:write, or something that the key would allow,
                now or later.
            InvalidFields: The user is not the team's or lacks one of the grants, or the expiry is
                not in the future.
        """
        api_key = new_api_key(new_id(KeyId))
        async with self._database.transaction(team=caller.team_id) as conn:
            require(caller, Permission.TEAM_WRITE)
            await self._refuse_wrong(conn, caller, new)
            await _refuse_giving(conn, caller, new)
            key = await keys.insert(conn, caller, api_key, new)
        return MadeKey(key=key, credential=api_key.text)

    async def get_key(self, caller: Caller, key_id: KeyId) -> Key:
        """Return what is known of a key.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:read.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            return await keys.fetch(conn, caller, key_id, Permission.TEAM_READ)

    async def list_keys(
        self, caller: Caller, *, user_id: UserId | None, page_size: int, page_token: str
    ) -> Page[Key]:
        """List keys, of one user or of all, oldest first.

        Raises:
            NotFound: The team has no such user.
            PermissionDenied: The caller lacks team:read.
            InvalidArgument: The page size or the page token is wrong.
        """
        page = self._pager.open(
            page_size=page_size,
            page_token=page_token,
            scope=("keys", caller.team_id, user_id or ""),
        )
        async with self._database.transaction(team=caller.team_id) as conn:
            if user_id is not None:
                await users.fetch(conn, caller, user_id, Permission.TEAM_READ)
            rows = await keys.fetch_page(
                conn,
                caller,
                Permission.TEAM_READ,
                user_id=user_id,
                after=page.after[0] if page.after else None,
                limit=page.limit,
            )
        return self._pager.close(page, rows, cursor=lambda key: (key.id,))

    async def revoke_key(self, caller: Caller, key_id: KeyId) -> Key:
        """Revoke a key for good; caches hear of it. Done again, it changes nothing.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:write.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            key = await keys.fetch(conn, caller, key_id, Permission.TEAM_WRITE, lock=True)
            if key.revoked_at is not None:
                return key
            await tell_keys_revoked(conn, caller.team_id, [key_id])
            return await keys.revoke(conn, caller, key_id)

    async def _refuse_wrong(
        self, conn: AsyncConnection[TupleRow], caller: Caller, new: NewKey
    ) -> None:
        held = await users.fetch_grants(conn, caller, new.user_id, Permission.TEAM_WRITE)
        with all_at_once() as violations:
            if held is None:
                violations.add("api_key.user_id", "names no user of the team")
            else:
                for grant in uncovered(new.grants, held):
                    violations.add("api_key.grants", f"has {grant}, which the user does not hold")
            if new.expires_at is not None and new.expires_at <= self._clock():
                violations.add("api_key.expire_time", "must be in the future")


async def _refuse_giving(conn: AsyncConnection[TupleRow], caller: Caller, new: NewKey) -> None:
    """Refuse a key that allows, or may come to allow, what the caller does not hold.

    A key that inherits grows with its user. Only an administrator, or that user by a credential
    that inherits, too, could otherwise get what is granted to the user later.
    """
    refuse_giving_unheld(caller, new.grants)
    if not new.inherit or caller.holds(Permission.TEAM_ADMIN):
        return
    inherits = (
        caller.key_id is None
        or (await keys.fetch(conn, caller, caller.key_id, Permission.TEAM_WRITE)).inherit
    )
    if caller.user_id != new.user_id or not inherits:
        raise PermissionDenied.missing(Permission.TEAM_ADMIN)
