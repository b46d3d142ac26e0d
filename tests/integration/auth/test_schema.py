"""The schema, and the second wall between teams."""

from __future__ import annotations

from importlib import resources

import pytest

from picstore_auth.model.grant import Permission
from picstore_auth.model.user import NewUser
from picstore_auth.repo import keys, live_credentials, roles, teams, users
from picstore_auth.usecases.roles import Roles
from picstore_kit.errors import NotFound
from picstore_kit.ids import TeamId, UserId, new_id
from picstore_kit.pg import idempotency, outbox
from picstore_kit.pg.database import Database
from picstore_kit.pg.errors import ReferenceViolated
from picstore_kit.pg.paging import Pager
from picstore_kit.pg.rls import unprotected_tables
from tests.integration.auth.references import EverythingExists
from tests.integration.auth.teams import found_team

ADMIN = {"admin": [Permission.TEAM_ADMIN]}

# Without a condition, as if every WHERE had been forgotten.
COUNTS = {
    "teams": "SELECT count(*) FROM teams",
    "users": "SELECT count(*) FROM users",
    "roles": "SELECT count(*) FROM roles",
    "role_grants": "SELECT count(*) FROM role_grants",
    "user_roles": "SELECT count(*) FROM user_roles",
    "api_keys": "SELECT count(*) FROM api_keys",
    "api_key_grants": "SELECT count(*) FROM api_key_grants",
    "signing_keys": "SELECT count(*) FROM signing_keys",
    "request_ids": "SELECT count(*) FROM request_ids",
    "outbox": "SELECT count(*) FROM outbox",
}


@pytest.mark.parametrize("ddl", [outbox.DDL, idempotency.DDL])
def test_standard_tables_are_copied_word_for_word(ddl: str) -> None:
    migration = resources.files("picstore_auth") / "migrations" / "0001_pre_initial.sql"
    assert ddl.strip() in migration.read_text(encoding="utf-8")


async def test_no_table_of_a_team_is_unprotected(database: Database) -> None:
    async with database.system_transaction() as conn:
        assert await unprotected_tables(conn) == []


@pytest.mark.parametrize("table", sorted(COUNTS))
async def test_forgotten_condition_shows_no_row_of_another_team(
    database: Database, table: str
) -> None:
    await found_team(database, members=ADMIN)
    async with database.transaction(team=new_id(TeamId)) as conn:
        cursor = await conn.execute(COUNTS[table].encode())
        assert await cursor.fetchone() == (0,)


async def test_every_repo_keeps_to_the_team_even_in_a_system_transaction(
    database: Database,
) -> None:
    red = await found_team(database, members=ADMIN)
    blue = await found_team(database, members=ADMIN)
    stranger = blue.caller("admin")
    victim = red.caller("admin")
    assert victim.user_id is not None
    assert victim.key_id is not None
    async with database.system_transaction() as conn:
        role_id = (await roles.fetch_all_locked(conn, victim, Permission.TEAM_READ))[0].id
        with pytest.raises(NotFound):
            await teams.fetch(conn, stranger, red.id)
        with pytest.raises(NotFound):
            await users.fetch(conn, stranger, victim.user_id, Permission.TEAM_READ)
        with pytest.raises(NotFound):
            await roles.fetch(conn, stranger, role_id, Permission.TEAM_READ)
        with pytest.raises(NotFound):
            await keys.fetch(conn, stranger, victim.key_id, Permission.TEAM_READ)
        assert await roles.fetch_some(conn, stranger, [role_id], Permission.TEAM_READ) == []
        assert await live_credentials.of_user(conn, stranger, victim.user_id) == []
        assert await live_credentials.of_role(conn, stranger, role_id) == []


async def test_two_teams_can_use_the_same_names(database: Database, pager: Pager) -> None:
    red = await found_team(database, members=ADMIN)
    blue = await found_team(database, members=ADMIN)
    directory = Roles(database, pager, EverythingExists())
    for caller in (red.caller("admin"), blue.caller("admin")):
        page = await directory.list_roles(caller, short_name="", page_size=0, page_token="")
        assert [role.short_name for role in page.rows] == ["admin"]


async def test_database_refuses_a_role_of_another_team(database: Database) -> None:
    red = await found_team(database, members=ADMIN)
    blue = await found_team(database, members=ADMIN)
    async with database.transaction(team=red.id) as conn:
        foreign = await roles.fetch_all_locked(conn, red.caller("admin"), Permission.TEAM_READ)
    new = NewUser(email="x@example.org", role_ids=(foreign[0].id,))
    with pytest.raises(ReferenceViolated):
        async with database.transaction(team=blue.id) as conn:
            await users.insert(conn, blue.caller("admin"), new_id(UserId), new)
