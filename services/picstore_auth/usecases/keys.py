"""API keys of a team."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_auth.clock import Clock, utc_now
from picstore_auth.events import tell_revoked
from picstore_auth.model.api_key import Key, KeyUpdate, NewKey
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Permission, uncovered
from picstore_auth.repo import keys, users
from picstore_auth.repo.access import require
from picstore_auth.usecases.etags import refuse_stale
from picstore_auth.usecases.granting import refuse_giving_unheld
from picstore_auth.usecases.references import References, refuse_missing
from picstore_auth.usecases.repeats import Once
from picstore_kit import audit
from picstore_kit.changes import differences
from picstore_kit.credentials import APIKey, new_api_key
from picstore_kit.errors import FailedPrecondition, NotFound, PermissionDenied, Reason, Resource
from picstore_kit.ids import KeyId, UserId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Page, Pager
from picstore_kit.violations import all_at_once

_CREATE_ONCE: Final = Once("CreateApiKey", NewKey, Key)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeKey:
    """A new key, and its text this one time."""

    key: Key
    credential: str = field(repr=False)
    """Empty where the key was made by the same request before."""


class Keys:
    """Administers the API keys of the caller's team."""

    def __init__(
        self,
        database: Database,
        pager: Pager,
        references: References,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._pager = pager
        self._references = references
        self._clock = clock

    async def create_key(self, caller: Caller, new: NewKey, *, request_id: str) -> MadeKey:
        """Make a key for a user.

        Raises:
            NotFound: The user, a project of the grants or the upload profile is not the team's.
            PermissionDenied: The caller lacks team:write, or something that the key would allow,
                now or later.
            InvalidFields: The user lacks one of the grants, or the expiry is not in the future.
            AlreadyExists: The request id was used for another key (REQUEST_ID_REUSED).
        """
        require(caller, Permission.TEAM_WRITE)
        await refuse_missing(
            self._references,
            caller.team_id,
            grants=new.grants,
            upload_profile_id=new.default_upload_profile_id,
        )
        api_key = new_api_key(new_id(KeyId))
        async with self._database.transaction(team=caller.team_id) as conn:

            async def create() -> Key:
                await self._refuse_wrong(conn, caller, new)
                await _refuse_giving(conn, caller, new)
                return await _inserted(conn, caller, api_key, new)

            key = await _CREATE_ONCE(conn, caller, request_id, new, create)
        return MadeKey(key=key, credential=api_key.text if key.id == api_key.key_id else "")

    async def get_key(self, caller: Caller, key_id: KeyId) -> Key:
        """Return what is known of a key.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:read.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            return await keys.fetch(conn, caller, key_id, Permission.TEAM_READ)

    async def list_keys(
        self,
        caller: Caller,
        *,
        user_id: UserId | None,
        live: bool,
        page_size: int,
        page_token: str,
    ) -> Page[Key]:
        """List keys, of one user or of all, oldest first; `live` leaves out what is not accepted.

        Raises:
            NotFound: The team has no such user.
            PermissionDenied: The caller lacks team:read.
            InvalidArgument: The page size or the page token is wrong.
        """
        page = self._pager.open(
            page_size=page_size,
            page_token=page_token,
            scope=("keys", caller.team_id, user_id or "", str(live)),
        )
        async with self._database.transaction(team=caller.team_id) as conn:
            if user_id is not None:
                await users.fetch(conn, caller, user_id, Permission.TEAM_READ)
            rows = await keys.fetch_page(
                conn,
                caller,
                Permission.TEAM_READ,
                user_id=user_id,
                live_at=self._clock() if live else None,
                after=page.after[0] if page.after else None,
                limit=page.limit,
            )
        return self._pager.close(page, rows, cursor=lambda key: (key.id,))

    async def update_key(self, caller: Caller, update: KeyUpdate) -> Key:
        """Change a key; what it allows from now on holds everywhere at once.

        Raises:
            NotFound: The team has none with that id, or lacks a project or the upload profile.
            PermissionDenied: The caller lacks team:write, or something that the key would allow.
            Aborted: The key has changed since (ETAG_MISMATCH).
            FailedPrecondition: The key was revoked (STATE_WRONG).
            InvalidFields: It would have grants that its user lacks, or none at all, or expire in
                the past.
        """
        await self._refuse_missing(caller, update)
        async with self._database.transaction(team=caller.team_id) as conn:
            before = await keys.fetch(conn, caller, update.key_id, Permission.TEAM_WRITE, lock=True)
            _refuse_revoked(before)
            refuse_stale(update.etag, revision=before.revision, kind="ApiKey", name=before.id)
            after = update.applied_to(before)
            if after == before:
                return before
            wanted = after.as_new()
            await self._refuse_wrong(
                conn, caller, wanted, expiry_is_new=after.expires_at != before.expires_at
            )
            allows_other = (after.inherit, after.grants) != (before.inherit, before.grants)
            if allows_other or _ends_later(after.expires_at, before.expires_at):
                await _refuse_giving(conn, caller, wanted)
            await tell_revoked(conn, caller.team_id, [before.id])
            stored = await keys.update(conn, caller, after)
            await audit.record(
                conn,
                team_id=caller.team_id,
                resource_type="ApiKey",
                resource_id=stored.id,
                changes=differences(_described(before), _described(stored)),
            )
            return stored

    async def rotate_key(self, caller: Caller, key_id: KeyId, *, overlap: timedelta) -> MadeKey:
        """Make a key like an old one, which expires after `overlap`.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:write, or something that the key allows.
            FailedPrecondition: The key was revoked or has expired (STATE_WRONG).
        """
        now = self._clock()
        api_key = new_api_key(new_id(KeyId))
        async with self._database.transaction(team=caller.team_id) as conn:
            old = await keys.fetch(conn, caller, key_id, Permission.TEAM_WRITE, lock=True)
            _refuse_revoked(old)
            if old.expires_at is not None and old.expires_at <= now:
                raise _stopped(old, "EXPIRED", "has expired")
            new = old.as_new()
            await _refuse_giving(conn, caller, new)
            await tell_revoked(conn, caller.team_id, [old.id])
            if overlap:
                ends = _sooner(old.expires_at, now + overlap)
                retired = await keys.update(conn, caller, replace(old, expires_at=ends))
            else:
                retired = await keys.revoke(conn, caller, old.id)
            await audit.record(
                conn,
                team_id=caller.team_id,
                resource_type="ApiKey",
                resource_id=old.id,
                changes=differences(_described(old), _described(retired)),
            )
            key = await _inserted(conn, caller, api_key, new)
        return MadeKey(key=key, credential=api_key.text)

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
            await tell_revoked(conn, caller.team_id, [key_id])
            revoked = await keys.revoke(conn, caller, key_id)
            await audit.record(
                conn,
                team_id=caller.team_id,
                resource_type="ApiKey",
                resource_id=key_id,
                changes=differences(_described(key), _described(revoked)),
            )
            return revoked

    async def _refuse_missing(self, caller: Caller, update: KeyUpdate) -> None:
        """Ask for what an update adds before the change, so that no lock waits for it."""
        async with self._database.transaction(team=caller.team_id) as conn:
            before = await keys.fetch(conn, caller, update.key_id, Permission.TEAM_WRITE)
        after = update.applied_to(before)
        profile_id = after.default_upload_profile_id
        is_new = profile_id != before.default_upload_profile_id
        await refuse_missing(
            self._references,
            caller.team_id,
            grants=uncovered(after.grants, before.grants),
            upload_profile_id=profile_id if is_new else None,
        )

    async def _refuse_wrong(
        self,
        conn: AsyncConnection[TupleRow],
        caller: Caller,
        new: NewKey,
        *,
        expiry_is_new: bool = True,
    ) -> None:
        held = await users.fetch_grants(conn, caller, new.user_id, Permission.TEAM_WRITE)
        if held is None:
            raise NotFound.of("User", new.user_id)
        with all_at_once() as violations:
            for grant in uncovered(new.grants, held):
                violations.add("api_key.grants", f"has {grant}, which the user does not hold")
            if new.inherit == bool(new.grants):
                violations.add(
                    "api_key.grants", "must be empty where the key inherits, and only there"
                )
            expires_at = new.expires_at
            if expiry_is_new and expires_at is not None and expires_at <= self._clock():
                violations.add("api_key.expire_time", "must be in the future")


async def _inserted(
    conn: AsyncConnection[TupleRow], caller: Caller, api_key: APIKey, new: NewKey
) -> Key:
    key = await keys.insert(conn, caller, api_key, new)
    await audit.record(
        conn,
        team_id=caller.team_id,
        resource_type="ApiKey",
        resource_id=key.id,
        changes=differences({}, _described(key)),
    )
    return key


async def _refuse_giving(conn: AsyncConnection[TupleRow], caller: Caller, new: NewKey) -> None:
    """Refuse a key that allows, or may come to allow, what the caller does not hold.

    A key that inherits grows with its user. Only an administrator, or that user by a credential
    that inherits, too, could otherwise get what is granted to the user later. A session inherits.
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


def _refuse_revoked(key: Key) -> None:
    if key.revoked_at is not None:
        raise _stopped(key, "REVOKED", "was revoked for good")


def _stopped(key: Key, state: str, words: str) -> FailedPrecondition:
    return FailedPrecondition(
        Reason.STATE_WRONG,
        f"{key.id} {words}; make another key",
        metadata={"state": state},
        resource=Resource(type="ApiKey", name=key.id),
    )


def _ends_later(one: datetime | None, other: datetime | None) -> bool:
    return other is not None and (one is None or one > other)


def _sooner(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)


def _described(key: Key) -> dict[str, str]:
    return {
        "user_id": key.user_id,
        "display_name": key.display_name,
        "grants": "inherit" if key.inherit else ", ".join(map(str, key.grants)),
        "default_upload_profile_id": key.default_upload_profile_id or "",
        "expire_time": key.expires_at.isoformat() if key.expires_at else "",
        "revoke_time": key.revoked_at.isoformat() if key.revoked_at else "",
    }
