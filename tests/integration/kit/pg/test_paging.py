"""Keyset pages over a table that changes while it is read."""

from __future__ import annotations

from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Page, Pager
from tests.integration.kit.pg.conftest import RED

PAGER = Pager(b"a secret of the service")


async def insert(database: Database, *names: str) -> None:
    async with database.transaction(team=RED) as conn, conn.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO things (id, team_id, name) VALUES (%s, %s, %s)",
            [(name, RED, name) for name in names],
        )


async def fetch(database: Database, token: str, size: int = 2) -> Page[str]:
    request = PAGER.open(page_size=size, page_token=token, scope=(RED,))
    async with database.transaction(team=RED) as conn:
        cursor = await conn.execute(
            "SELECT id FROM things WHERE %(after)s::text IS NULL OR id > %(after)s"
            " ORDER BY id LIMIT %(limit)s",
            {"after": request.after[0] if request.after else None, "limit": request.limit},
        )
        rows = [str(row[0]) for row in await cursor.fetchall()]
    return PAGER.close(request, rows, cursor=lambda row: (row,))


async def test_inserts_and_deletes_between_pages_neither_repeat_nor_hide_rows(
    database: Database,
) -> None:
    await insert(database, "b", "d", "f", "h")
    first = await fetch(database, "")
    assert list(first.rows) == ["b", "d"]
    await insert(database, "a", "c", "e")
    async with database.transaction(team=RED) as conn:
        await conn.execute("DELETE FROM things WHERE id = 'd'")
    second = await fetch(database, first.next_page_token)
    assert list(second.rows) == ["e", "f"]
    third = await fetch(database, second.next_page_token)
    assert list(third.rows) == ["h"]
    assert third.next_page_token == ""
