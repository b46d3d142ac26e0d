"""Teams to test with, made the way the operator makes them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from picstore_auth.document import Document, KeyEntry, TeamEntry, UserEntry
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Grant, Permission, normalised
from picstore_auth.model.identity import Identity
from picstore_auth.model.role import NewRole
from picstore_auth.usecases.authentication import Authentication
from picstore_auth.usecases.bootstrap import Bootstrap
from picstore_auth.usecases.last_uses import LastUses
from picstore_kit.credentials import APIKey, new_api_key
from picstore_kit.ids import KeyId, TeamId, new_id
from picstore_kit.pg.database import Database
from tests.integration.auth.throttles import out_of_reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A user with one role of the same name and one key that inherits."""

    caller: Caller
    api_key: APIKey


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundedTeam:
    """A team and its members by name."""

    id: TeamId
    members: Mapping[str, Member]

    def caller(self, name: str) -> Caller:
        """Return a member as a caller."""
        return self.members[name].caller


async def found_team(
    database: Database,
    *,
    members: Mapping[str, Sequence[Permission]],
    expires_at: datetime | None = None,
) -> FoundedTeam:
    """Make a new team whose members hold the given permissions on the team."""
    api_keys = {name: new_api_key(new_id(KeyId)) for name in members}
    document = Document(
        team=TeamEntry(short_name=f"team-{uuid.uuid4().hex}"),
        roles=tuple(
            NewRole(
                short_name=name,
                grants=normalised(Grant(permission=permission) for permission in permissions),
            )
            for name, permissions in members.items()
        ),
        users=tuple(UserEntry(email=address(name), roles=(name,)) for name in members),
        keys=tuple(
            KeyEntry(api_key=api_key, user=address(name), expires_at=expires_at)
            for name, api_key in api_keys.items()
        ),
    )
    outcome = await Bootstrap(database).apply_bootstrap(document, dry_run=False)
    authentication = authentication_of(database)
    return FoundedTeam(
        id=outcome.team_id,
        members={
            name: Member(
                caller=caller_of(await authentication.identify_key(api_key.key_id)), api_key=api_key
            )
            for name, api_key in api_keys.items()
        },
    )


def authentication_of(database: Database) -> Authentication:
    """Return what looks credentials up, as the service does."""
    return Authentication(
        database, LastUses(database), out_of_reach(), session_idle=timedelta(days=14)
    )


def address(name: str) -> str:
    """Return the e-mail address of a member."""
    return f"{name}@example.org"


def caller_of(identity: Identity) -> Caller:
    """Return who an API key makes its caller."""
    return Caller(
        team_id=identity.team_id,
        user_id=identity.user_id,
        key_id=identity.key_id,
        session_id=identity.session_id,
        grants=identity.grants,
    )
