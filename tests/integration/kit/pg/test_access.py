"""A row and whether its caller is allowed to have it come from one statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import pytest
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from picstore_kit.errors import FailedPrecondition, NotFound, PermissionDenied, Reason, Resource
from picstore_kit.ids import ProjectId, UserId, new_id
from picstore_kit.pg.access import (
    Access,
    Statement,
    delete_one,
    fetch_all,
    fetch_one,
    write_one,
)
from picstore_kit.pg.database import Database
from picstore_kit.rpc.auth import Grant, Principal
from tests.integration.kit.pg.conftest import BLUE, RED

Connection: TypeAlias = AsyncConnection[TupleRow]

# Each thing is a project of its own here.
ROSE, TULIP, SKY = (new_id(ProjectId) for _ in range(3))

FETCH: Final = """
    SELECT t.id, t.name, (%(allowed_everywhere)s OR t.id = ANY(%(allowed_on)s)) AS allowed
    FROM things t
    WHERE t.team_id = %(team_id)s AND t.id = %(id)s
      AND (%(visible_everywhere)s OR t.id = ANY(%(visible_on)s))
"""
LIST: Final = """
    SELECT t.id, t.name
    FROM things t
    WHERE t.team_id = %(team_id)s AND t.name >= %(first)s
      AND (%(allowed_everywhere)s OR t.id = ANY(%(allowed_on)s))
    ORDER BY t.name
"""
RENAME: Final = """
    UPDATE things t SET name = %(name)s
    WHERE t.team_id = %(team_id)s AND t.id = %(id)s
      AND (%(allowed_everywhere)s OR t.id = ANY(%(allowed_on)s))
    RETURNING t.id, t.name
"""
DELETE: Final = """
    DELETE FROM things t
    WHERE t.team_id = %(team_id)s AND t.id = %(id)s
      AND (%(allowed_everywhere)s OR t.id = ANY(%(allowed_on)s))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """What a row is made into."""

    id: str
    name: str


@pytest.fixture(autouse=True)
async def things(database: Database) -> None:
    async with database.system_transaction() as conn:
        for thing_id, team, name in (
            (ROSE, RED, "rose"),
            (TULIP, RED, "tulip"),
            (SKY, BLUE, "sky"),
        ):
            await conn.execute("INSERT INTO things VALUES (%s, %s, %s)", (thing_id, team, name))


def access(*grants: tuple[str, ProjectId | None]) -> Access:
    """Return what somebody of the red team may do who wants to edit and has these grants."""
    held = tuple(Grant(permission=name, project_id=project) for name, project in grants)
    return Access.of(Principal(team_id=RED, user_id=new_id(UserId), grants=held), "image:edit")


def thing(thing_id: ProjectId) -> Resource:
    return Resource(type="Thing", name=thing_id)


async def fetch(
    conn: Connection, me: Access, thing_id: ProjectId, statement: Statement = FETCH
) -> Thing:
    return await fetch_one(
        conn, Thing, statement, {"id": thing_id}, access=me, resource=thing(thing_id)
    )


@pytest.mark.parametrize("place", [ROSE, None], ids=["on the project", "on the team"])
async def test_who_holds_the_permission_gets_the_row(
    database: Database, place: ProjectId | None
) -> None:
    async with database.transaction(team=RED) as conn:
        found = await fetch(conn, access(("image:edit", place)), ROSE)
    assert found == Thing(id=ROSE, name="rose")


async def test_a_statement_may_be_put_together(database: Database) -> None:
    statement = SQL("{fetch} FOR UPDATE").format(fetch=SQL(FETCH))
    async with database.transaction(team=RED) as conn:
        found = await fetch(conn, access(("image:edit", None)), ROSE, statement)
    assert found.name == "rose"


async def test_who_holds_another_permission_on_it_is_refused(database: Database) -> None:
    me = access(("image:read", ROSE), ("image:edit", TULIP))
    async with database.transaction(team=RED) as conn:
        with pytest.raises(PermissionDenied) as refused:
            await fetch(conn, me, ROSE)
    assert refused.value.metadata["permission"] == "image:edit"
    assert refused.value.resource == thing(ROSE)


@pytest.mark.parametrize(
    ("grants", "thing_id"),
    [
        ([], ROSE),
        ([("image:edit", TULIP)], ROSE),
        ([("image:edit", None)], SKY),
        ([("image:edit", None)], new_id(ProjectId)),
    ],
    ids=["no grant", "a grant on another project", "of another team", "missing"],
)
async def test_what_the_caller_has_nothing_to_do_with_is_not_found(
    database: Database, grants: list[tuple[str, ProjectId | None]], thing_id: ProjectId
) -> None:
    async with database.transaction(team=RED) as conn:
        with pytest.raises(NotFound) as missing:
            await fetch(conn, access(*grants), thing_id)
    assert missing.value.resource == thing(thing_id)


@pytest.mark.parametrize(
    ("grants", "names"),
    [
        ([], []),
        ([("image:edit", TULIP), ("image:read", ROSE)], ["tulip"]),
        ([("image:edit", None)], ["rose", "tulip"]),
    ],
    ids=["no grant", "one project", "the team"],
)
async def test_a_list_leaves_out_what_is_not_allowed(
    database: Database, grants: list[tuple[str, ProjectId | None]], names: list[str]
) -> None:
    async with database.transaction(team=RED) as conn:
        found = await fetch_all(conn, Thing, LIST, {"first": "a"}, access=access(*grants))
    assert [each.name for each in found] == names


async def test_a_write_happens_only_where_it_is_allowed(database: Database) -> None:
    me = access(("image:edit", TULIP), ("image:read", ROSE))
    async with database.transaction(team=RED) as conn:
        written = await write_one(
            conn, Thing, RENAME, {"id": TULIP, "name": "iris"}, access=me, resource=thing(TULIP)
        )
        with pytest.raises(PermissionDenied) as refused:
            await write_one(
                conn, Thing, RENAME, {"id": ROSE, "name": "dog"}, access=me, resource=thing(ROSE)
            )
        assert (await fetch(conn, access(("image:edit", None)), ROSE)).name == "rose"
    assert written == Thing(id=TULIP, name="iris")
    assert refused.value.resource == thing(ROSE)


async def test_a_write_that_had_another_reason_to_write_nothing_says_that(
    database: Database,
) -> None:
    changed = FailedPrecondition(Reason.STATE_WRONG, "somebody else was first")
    async with database.transaction(team=RED) as conn:
        with pytest.raises(FailedPrecondition) as refused:
            await write_one(
                conn,
                Thing,
                RENAME,
                {"id": new_id(ProjectId), "name": "iris"},
                access=access(("image:edit", None)),
                otherwise=changed,
            )
    assert refused.value is changed


async def test_a_delete_happens_only_where_it_is_allowed(database: Database) -> None:
    me, everybody = (
        access(("image:edit", TULIP), ("image:read", ROSE)),
        access(("image:edit", None)),
    )
    async with database.transaction(team=RED) as conn:
        await delete_one(conn, DELETE, {"id": TULIP}, access=me, resource=thing(TULIP))
        with pytest.raises(PermissionDenied):
            await delete_one(conn, DELETE, {"id": ROSE}, access=me, resource=thing(ROSE))
        left = await fetch_all(conn, Thing, LIST, {"first": "a"}, access=everybody)
    assert [each.name for each in left] == ["rose"]
