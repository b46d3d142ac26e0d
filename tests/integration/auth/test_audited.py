"""What changes in the directory is recorded for the audit log; what does not change is not."""

from __future__ import annotations

import pytest

from picstore.auth.v1 import audit_pb2
from picstore_auth.document import Document, TeamEntry, UserEntry
from picstore_auth.model.api_key import KeyUpdate, NewKey
from picstore_auth.model.grant import Grant, Permission
from picstore_auth.model.role import NewRole, RoleUpdate
from picstore_auth.model.team import NewTeam, TeamUpdate
from picstore_auth.model.user import NewUser, UserUpdate
from picstore_auth.usecases.bootstrap import Bootstrap
from picstore_auth.usecases.keys import Keys
from picstore_auth.usecases.roles import Roles
from picstore_auth.usecases.teams import Teams
from picstore_auth.usecases.users import Users
from picstore_kit.ids import TeamId
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Pager
from tests.integration.auth.references import EverythingExists
from tests.integration.auth.teams import FoundedTeam, found_team

READ = Grant(permission=Permission.IMAGE_READ)

Recorded = tuple[str, str, dict[str, tuple[str, str]]]
"""Type and id of the object, and its fields' old and new values."""


@pytest.fixture
async def team(database: Database) -> FoundedTeam:
    return await found_team(database, members={"admin": [Permission.TEAM_ADMIN]})


async def recorded(database: Database, team_id: TeamId) -> list[Recorded]:
    """Return what was recorded of a team, and forget it."""
    async with database.system_transaction() as conn:
        cursor = await conn.execute("DELETE FROM audit_outbox RETURNING id, event")
        rows = sorted(await cursor.fetchall())
    events = [audit_pb2.AuditEvent.FromString(event) for _, event in rows]
    return [
        (
            event.resource_type,
            event.resource_id,
            {change.field: (change.old_value, change.new_value) for change in event.changes},
        )
        for event in events
        if event.team_id == team_id
    ]


async def test_changes_of_a_user_are_recorded(
    team: FoundedTeam, database: Database, pager: Pager
) -> None:
    directory, admin = Users(database, pager), team.caller("admin")
    await recorded(database, team.id)
    user = await directory.create_user(admin, NewUser(email="ann@example.org"), request_id="")
    assert await recorded(database, team.id) == [
        ("User", user.id, {"email": ("", "ann@example.org")})
    ]
    await directory.update_user(admin, UserUpdate(user_id=user.id, disabled=True))
    assert await recorded(database, team.id) == [("User", user.id, {"disabled": ("", "yes")})]
    await directory.update_user(admin, UserUpdate(user_id=user.id, disabled=True))
    assert await recorded(database, team.id) == []
    await directory.delete_user(admin, user.id, etag="")
    assert await recorded(database, team.id) == [
        ("User", user.id, {"email": ("ann@example.org", ""), "disabled": ("yes", "")})
    ]


async def test_changes_of_a_role_are_recorded(
    team: FoundedTeam, database: Database, pager: Pager
) -> None:
    roles, admin = Roles(database, pager, EverythingExists()), team.caller("admin")
    await recorded(database, team.id)
    role = await roles.create_role(admin, NewRole(short_name="viewer"), request_id="")
    await roles.update_role(admin, RoleUpdate(role_id=role.id, grants=(READ,)))
    await roles.delete_role(admin, role.id, etag="")
    assert await recorded(database, team.id) == [
        ("Role", role.id, {"short_name": ("", "viewer")}),
        ("Role", role.id, {"grants": ("", "image:read")}),
        ("Role", role.id, {"short_name": ("viewer", ""), "grants": ("image:read", "")}),
    ]


async def test_changes_of_a_key_are_recorded_without_its_text(
    team: FoundedTeam, database: Database, pager: Pager
) -> None:
    keys, admin = Keys(database, pager, EverythingExists()), team.caller("admin")
    assert admin.user_id is not None
    await recorded(database, team.id)
    made = await keys.create_key(
        admin, NewKey(user_id=admin.user_id, grants=(READ,)), request_id=""
    )
    update = KeyUpdate(key_id=made.key.id, fields=frozenset({"display_name"}), display_name="blog")
    await keys.update_key(admin, update)
    revoked = await keys.revoke_key(admin, made.key.id)
    await keys.revoke_key(admin, made.key.id)
    assert revoked.revoked_at is not None
    assert await recorded(database, team.id) == [
        (
            "ApiKey",
            made.key.id,
            {"user_id": ("", admin.user_id), "grants": ("", "image:read")},
        ),
        ("ApiKey", made.key.id, {"display_name": ("", "blog")}),
        ("ApiKey", made.key.id, {"revoke_time": ("", revoked.revoked_at.isoformat())}),
    ]


async def test_changes_of_a_team_are_recorded(database: Database, pager: Pager) -> None:
    teams = Teams(database, pager)
    found = await found_team(database, members={"admin": [Permission.TEAM_ADMIN]})
    await recorded(database, found.id)
    await teams.update_team(
        found.caller("admin"), TeamUpdate(team_id=found.id, display_name="Ours")
    )
    await teams.set_disabled(found.id, disabled=True)
    await teams.set_disabled(found.id, disabled=True)
    assert await recorded(database, found.id) == [
        ("Team", found.id, {"display_name": ("", "Ours")}),
        ("Team", found.id, {"disabled": ("", "yes")}),
    ]
    made = await teams.create_team(NewTeam(short_name=f"{found.id[4:]}"), request_id="")
    assert await recorded(database, made.id) == [
        ("Team", made.id, {"short_name": ("", made.short_name)})
    ]


async def test_document_that_is_applied_again_is_recorded_once(database: Database) -> None:
    bootstrap = Bootstrap(database)
    found = await found_team(database, members={"admin": [Permission.TEAM_ADMIN]})
    assert [kind for kind, _, _ in await recorded(database, found.id)] == [
        "Team",
        "Role",
        "User",
        "ApiKey",
    ]
    async with database.system_transaction() as conn:
        cursor = await conn.execute("SELECT short_name FROM teams WHERE id = %s", (found.id,))
        (short_name,) = await cursor.fetchone() or ("",)
    document = Document(
        team=TeamEntry(short_name=short_name),
        users=(UserEntry(email="ann@example.org", roles=("admin",)),),
    )
    await bootstrap.apply_bootstrap(document, dry_run=True)
    assert await recorded(database, found.id) == []
    await bootstrap.apply_bootstrap(document, dry_run=False)
    ((kind, _, changes),) = await recorded(database, found.id)
    assert (kind, changes) == ("User", {"roles": ("", "admin")})
    await bootstrap.apply_bootstrap(document, dry_run=False)
    assert await recorded(database, found.id) == []
