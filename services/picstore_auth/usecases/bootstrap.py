"""Making a team agree with the operator's document: once, or as often as it is applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_auth.document import Document, KeyEntry, Outcome, UserEntry
from picstore_auth.events import tell_revoked
from picstore_auth.model.api_key import Key, NewKey
from picstore_auth.model.caller import Caller, operator_of
from picstore_auth.model.grant import Grants, Permission, uncovered
from picstore_auth.model.role import NewRole, Role
from picstore_auth.model.team import Team
from picstore_auth.model.user import NewUser, User
from picstore_auth.repo import admins, identities, keys, live_credentials, roles, teams, users
from picstore_kit import audit
from picstore_kit.changes import Action, Change
from picstore_kit.ids import KeyId, RoleId, TeamId, UserId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.violations import Violations

Fields = Mapping[str, str]
"""An object's fields as text, by name."""

_RESOURCE_TYPES: Final = {"team": "Team", "role": "Role", "user": "User", "api_key": "ApiKey"}
"""What the audit log calls each kind of object of a document."""


class Bootstrap:
    """Applies documents, one at a time in the whole installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def apply_bootstrap(self, document: Document, *, dry_run: bool) -> Outcome:
        """Make the team agree with the document; in a dry run, do it and take it back.

        Raises:
            InvalidFields: The document names a role, a user or a grant that does not exist, a
                team id that is not the team's, or a key that has another secret, belongs to
                another team or was revoked.
        """
        async with (
            self._database.system_transaction() as conn,
            conn.transaction(force_rollback=dry_run),
        ):
            await teams.lock_bootstrap(conn)
            return await _Run(conn, document).apply()


class _Run:
    """One application of a document, in one transaction."""

    def __init__(self, conn: AsyncConnection[TupleRow], document: Document) -> None:
        self._conn = conn
        self._document = document
        self._violations = Violations()
        self._changes: list[Change] = []
        self._affected: set[str] = set()
        self._roles: dict[str, Role] = {}

    async def apply(self) -> Outcome:
        caller = operator_of(await self._apply_team())
        # Before a user or a role is locked, as whoever else changes them does it.
        await admins.lock(self._conn, caller.team_id)
        stored = await roles.fetch_all_locked(self._conn, caller, Permission.TEAM_ADMIN)
        self._roles = {role.short_name: role for role in stored}
        for role in self._document.roles:
            await self._apply_role(caller, role)
        for index, user in enumerate(self._document.users):
            await self._apply_user(caller, user, f"users[{index}]")
        for index, key in enumerate(self._document.keys):
            await self._apply_key(caller, key, f"api_keys[{index}]")
        self._violations.refuse()
        await tell_revoked(self._conn, caller.team_id, sorted(self._affected))
        return Outcome(team_id=caller.team_id, changes=tuple(self._changes))

    async def _apply_team(self) -> TeamId:
        stored = await self._find_team()
        entry = self._document.team
        if stored is None:
            team = await teams.insert(
                self._conn,
                entry.id or new_id(TeamId),
                short_name=entry.short_name,
                display_name=entry.display_name,
            )
        else:
            team = replace(stored, display_name=entry.display_name or stored.display_name)
            if team != stored:
                team = await teams.update(self._conn, team)
        await self._note(
            team.id,
            "team",
            team.short_name,
            team.id,
            None if stored is None else _team_fields(stored),
            _team_fields(team),
        )
        return team.id

    async def _find_team(self) -> Team | None:
        entry = self._document.team
        found = await teams.find(self._conn, team_id=entry.id, short_name=entry.short_name)
        for team in found:
            if team.short_name != entry.short_name:
                self._violations.add("team.id", f"is the id of the team {team.short_name}")
            elif entry.id not in (None, team.id):
                self._violations.add("team.id", f"is not {team.id}, which this team has")
        self._violations.refuse()
        return found[0] if found else None

    async def _apply_role(self, caller: Caller, entry: NewRole) -> None:
        stored = self._roles.get(entry.short_name)
        if stored is None:
            role = await roles.insert(self._conn, caller, new_id(RoleId), entry)
        else:
            role = replace(
                stored,
                display_name=entry.display_name or stored.display_name,
                grants=entry.grants,
            )
            if role.grants != stored.grants:
                self._affected.update(await live_credentials.of_role(self._conn, caller, role.id))
            if role != stored:
                role = await roles.update(self._conn, caller, role)
        self._roles[role.short_name] = role
        await self._note(
            caller.team_id,
            "role",
            role.short_name,
            role.id,
            None if stored is None else self._role_fields(stored),
            self._role_fields(role),
        )

    async def _apply_user(self, caller: Caller, entry: UserEntry, path: str) -> None:
        role_ids = self._role_ids(entry, path)
        stored = await users.fetch_by_email(self._conn, caller, entry.email, Permission.TEAM_ADMIN)
        if stored is None:
            new = NewUser(email=entry.email, display_name=entry.display_name, role_ids=role_ids)
            user = await users.insert(self._conn, caller, new_id(UserId), new)
        else:
            user = replace(
                stored,
                display_name=entry.display_name or stored.display_name,
                role_ids=role_ids,
            )
            if user.role_ids != stored.role_ids:
                self._affected.update(await live_credentials.of_user(self._conn, caller, user.id))
            if user != stored:
                user = await users.update(self._conn, caller, user)
        await self._note(
            caller.team_id,
            "user",
            entry.email,
            user.id,
            None if stored is None else self._user_fields(stored),
            self._user_fields(user),
        )

    async def _apply_key(self, caller: Caller, entry: KeyEntry, path: str) -> None:
        user = await users.fetch_by_email(self._conn, caller, entry.user, Permission.TEAM_ADMIN)
        if user is None:
            self._violations.add(f"{path}.user", "names no user of the team or the document")
            return
        held = await users.fetch_grants(self._conn, caller, user.id, Permission.TEAM_ADMIN)
        for grant in uncovered(entry.grants, held or ()):
            self._violations.add(
                f"{path}.grants", f"has {self._grants_text((grant,))}, which the user does not hold"
            )
        new = NewKey(
            user_id=user.id,
            display_name=entry.display_name,
            inherit=not entry.grants,
            grants=entry.grants,
            default_upload_profile_id=entry.default_upload_profile_id,
            expires_at=entry.expires_at,
        )
        known = await identities.find(self._conn, entry.api_key.key_id)
        if known is None:
            key = await keys.insert(self._conn, caller, entry.api_key, new)
            await self._note_key(caller, key.id, None, self._key_fields(key, user))
        elif known.team_id != caller.team_id:
            self._violations.add(f"{path}.credential", "has the id of another team's key")
        elif not entry.api_key.matches(known.digest):
            self._violations.add(
                f"{path}.credential",
                f"has the id of the existing key {known.key_id} but another secret",
            )
        elif known.revoked_at is not None:
            self._violations.add(
                f"{path}.credential", f"is the key {known.key_id}, which was revoked for good"
            )
        else:
            await self._update_key(caller, known.key_id, new, user)

    async def _update_key(self, caller: Caller, key_id: KeyId, new: NewKey, user: User) -> None:
        stored = await keys.fetch(self._conn, caller, key_id, Permission.TEAM_ADMIN, lock=True)
        owner = await users.fetch(self._conn, caller, stored.user_id, Permission.TEAM_ADMIN)
        key = replace(
            stored,
            user_id=new.user_id,
            display_name=new.display_name or stored.display_name,
            inherit=new.inherit,
            grants=new.grants,
            default_upload_profile_id=new.default_upload_profile_id,
            expires_at=new.expires_at,
        )
        if key != stored:
            self._affected.add(key.id)
            await keys.update(self._conn, caller, key)
        await self._note_key(
            caller, key.id, self._key_fields(stored, owner), self._key_fields(key, user)
        )

    def _role_ids(self, entry: UserEntry, path: str) -> tuple[RoleId, ...]:
        found = []
        for index, name in enumerate(entry.roles):
            if name in self._roles:
                found.append(self._roles[name].id)
            else:
                self._violations.add(
                    f"{path}.roles[{index}]", "names no role of the team or the document"
                )
        return tuple(sorted(set(found)))

    async def _note(
        self,
        team_id: TeamId,
        kind: str,
        name: str,
        resource_id: str,
        before: Fields | None,
        after: Fields,
    ) -> None:
        change = Change.between(kind, name, before, after)
        self._changes.append(change)
        if change.action is not Action.UNCHANGED:
            await audit.record(
                self._conn,
                team_id=team_id,
                resource_type=_RESOURCE_TYPES[kind],
                resource_id=resource_id,
                changes=change.fields,
            )

    async def _note_key(
        self, caller: Caller, key_id: KeyId, before: Fields | None, after: Fields
    ) -> None:
        await self._note(caller.team_id, "api_key", key_id, key_id, before, after)

    def _role_fields(self, role: Role) -> Fields:
        return {"display_name": role.display_name, "grants": self._grants_text(role.grants)}

    def _user_fields(self, user: User) -> Fields:
        names = (name for name, role in self._roles.items() if role.id in user.role_ids)
        return {"display_name": user.display_name, "roles": ", ".join(sorted(names))}

    def _key_fields(self, key: Key, user: User) -> Fields:
        profile_id = key.default_upload_profile_id
        return {
            "user": user.email,
            "display_name": key.display_name,
            "grants": "inherit" if key.inherit else self._grants_text(key.grants),
            "default_upload_profile": (
                self._document.upload_profile_names.get(profile_id, profile_id)
                if profile_id
                else ""
            ),
            "expire_time": key.expires_at.astimezone(UTC).isoformat() if key.expires_at else "",
        }

    def _grants_text(self, grants: Grants) -> str:
        names = self._document.project_names
        return ", ".join(
            f"{grant.permission}@{names.get(grant.project_id, grant.project_id)}"
            if grant.project_id
            else grant.permission
            for grant in grants
        )


def _team_fields(team: Team) -> Fields:
    return {"display_name": team.display_name}
