"""Every repository of auth without its conditions on the team: row-level security alone holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import pytest
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_auth.model.audit import AuditEvent, AuditFilter, Outcome
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Permission
from picstore_auth.repo import audit, invitations, keys, live_credentials, roles, teams, users
from picstore_kit.ids import (
    AuditEventId,
    InvitationId,
    KeyId,
    RoleId,
    SessionId,
    TeamId,
    UserId,
    new_id,
)
from picstore_kit.pg.database import Database
from tests.integration.auth.teams import address, found_team
from tests.integration.rls.forgetful import behind_the_wall, found, without_the_wall

READ: Final = Permission.TEAM_READ
ADMIN: Final = {"admin": [Permission.TEAM_ADMIN]}


@dataclass(frozen=True, kw_only=True)
class Victim:
    """What a team has of everything."""

    team_id: TeamId
    role_id: RoleId
    user_id: UserId
    key_id: KeyId
    invitation_id: InvitationId


Look: TypeAlias = Callable[[AsyncConnection[TupleRow], Caller, Victim], Awaitable[object]]

LOOKS: Final[dict[str, Look]] = {
    "teams.fetch": lambda conn, me, it: teams.fetch(conn, me, it.team_id),
    "users.fetch": lambda conn, me, it: users.fetch(conn, me, it.user_id, READ),
    "users.fetch_grants": lambda conn, me, it: users.fetch_grants(conn, me, it.user_id, READ),
    "roles.fetch": lambda conn, me, it: roles.fetch(conn, me, it.role_id, READ),
    "roles.fetch_some": lambda conn, me, it: roles.fetch_some(conn, me, [it.role_id], READ),
    "keys.fetch": lambda conn, me, it: keys.fetch(conn, me, it.key_id, READ),
    "keys.fetch_page": lambda conn, me, it: keys.fetch_page(
        conn, me, READ, user_id=it.user_id, live_at=None, after=None, limit=10
    ),
    "invitations.fetch": lambda conn, me, it: invitations.fetch(conn, me, it.invitation_id, READ),
    "invitations.fetch_page": lambda conn, me, it: invitations.fetch_page(
        conn, me, READ, user_id=it.user_id, before=None, limit=10
    ),
    "live_credentials.of_user": lambda conn, me, it: live_credentials.of_user(conn, me, it.user_id),
    "live_credentials.of_role": lambda conn, me, it: live_credentials.of_role(conn, me, it.role_id),
    "audit.fetch_page": lambda conn, me, it: audit.fetch_page(
        conn, me, AuditFilter(user_id=it.user_id), after=None, limit=10
    ),
}


async def victim_of(database: Database) -> Victim:
    team = await found_team(database, members=ADMIN)
    caller = team.caller("admin")
    assert caller.user_id is not None
    assert caller.key_id is not None
    invitation_id, session_id, now = new_id(InvitationId), new_id(SessionId), datetime.now(UTC)
    async with database.system_transaction() as conn:
        await conn.execute(
            "INSERT INTO invitations (id, team_id, user_id, inviter_id, digest, created_at,"
            " expires_at) VALUES (%s, %s, %s, '', %s, %s, %s)",
            (invitation_id, team.id, caller.user_id, bytes(32), now, now + timedelta(days=1)),
        )
        await conn.execute(
            "INSERT INTO sessions (id, team_id, user_id, digest, client_address, user_agent,"
            " created_at, last_used_at, expires_at) VALUES (%s, %s, %s, %s, '', '', %s, %s, %s)",
            (session_id, team.id, caller.user_id, bytes(32), now, now, now + timedelta(days=1)),
        )
        await audit.insert(conn, [event_of(team.id, caller.user_id)])
        role_id = (await roles.fetch_all_locked(conn, caller, READ))[0].id
    return Victim(
        team_id=team.id,
        role_id=role_id,
        user_id=caller.user_id,
        key_id=caller.key_id,
        invitation_id=invitation_id,
    )


def event_of(team_id: TeamId, user_id: UserId) -> AuditEvent:
    return AuditEvent(
        id=new_id(AuditEventId),
        event_time=datetime.now(UTC),
        team_id=team_id,
        user_id=user_id,
        credential_id="",
        service="",
        client_address="",
        user_agent="",
        request_id="",
        method="",
        resource_type="",
        resource_id="",
        project_id="",
        outcome=Outcome.DONE,
        reason="",
        changes=(),
    )


@pytest.mark.parametrize("look", LOOKS)
async def test_a_repository_function_without_its_condition_finds_nothing_of_another_team(
    database: Database, look: str
) -> None:
    victim = await victim_of(database)
    stranger = (await found_team(database, members=ADMIN)).caller("admin")
    async with behind_the_wall(database, stranger.team_id) as conn:
        assert not await found(LOOKS[look](conn, stranger, victim))
    async with without_the_wall(database) as conn:  # so it is the wall that held
        assert await found(LOOKS[look](conn, stranger, victim))


async def test_lists_without_their_condition_show_only_the_own_team(database: Database) -> None:
    await victim_of(database)
    mine = await found_team(database, members=ADMIN)
    me = mine.caller("admin")
    async with behind_the_wall(database, mine.id) as conn:
        members = await users.fetch_page(
            conn, me, READ, email="", role_id=None, after=None, limit=500
        )
        own_roles = await roles.fetch_page(conn, me, READ, short_name="", after=None, limit=500)
        own_keys = await keys.fetch_page(
            conn, me, READ, user_id=None, live_at=None, after=None, limit=500
        )
        same_address = await users.fetch_by_email(conn, me, address("admin"), READ)
    assert [user.id for user in members] == [me.user_id]
    assert [role.short_name for role in own_roles] == ["admin"]
    assert [key.id for key in own_keys] == [me.key_id]
    assert same_address is not None
    assert same_address.id == me.user_id


async def test_writes_without_their_condition_touch_no_other_team(database: Database) -> None:
    victim = await victim_of(database)
    stranger = (await found_team(database, members=ADMIN)).caller("admin")
    async with behind_the_wall(database, stranger.team_id) as conn:
        await users.delete(conn, stranger, victim.user_id)
        await roles.delete(conn, stranger, victim.role_id)
        await invitations.revoke_open(conn, stranger.team_id, victim.user_id)
    async with database.system_transaction() as conn:
        cursor = await conn.execute(
            """
            SELECT (SELECT count(*) FROM users WHERE id = %(user)s),
                   (SELECT count(*) FROM roles WHERE id = %(role)s),
                   (SELECT count(*) FROM invitations
                    WHERE id = %(invitation)s AND revoked_at IS NULL)
            """,
            {
                "user": victim.user_id,
                "role": victim.role_id,
                "invitation": victim.invitation_id,
            },
        )
        assert await cursor.fetchone() == (1, 1, 1)
