"""Fetching and checking in one statement: what a caller may do, as parameters for SQL.

An `Access` is a principal together with the one permission that a call needs. `parameters` hands
both to the statement, which says beside the row whether the caller is allowed to:

    SELECT i.id, i.project_id, …,
           (%(allowed_everywhere)s OR i.project_id = ANY(%(allowed_on)s)) AS allowed
    FROM images i
    WHERE i.team_id = %(team_id)s AND i.id = %(id)s
      AND (%(visible_everywhere)s OR i.project_id = ANY(%(visible_on)s))

`fetch_one` runs it and turns the outcome into the row, NOT_FOUND (missing, of another team, or of a
project that the caller has nothing to do with) or PERMISSION_DENIED (visible, but not allowed).
A statement that writes has the same condition in its `WHERE`.

Objects of the whole team have no project. Whoever may read some project may read them
(`allowed_somewhere`), whoever has any grant sees that they exist, and only `allowed_everywhere`
may write them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row, dict_row

from picstore_kit.errors import NotFound, PermissionDenied, Resource
from picstore_kit.ids import ProjectId, TeamId

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which projects of a team something extends to."""

    everywhere: bool = False
    """To the team itself and to all of its projects, those to come included."""
    project_ids: tuple[ProjectId, ...] = ()

    def __bool__(self) -> bool:
        return self.everywhere or bool(self.project_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What one caller may do with one permission."""

    team_id: TeamId
    permission: str
    """As people write it, such as `project:read`."""
    allowed: Reach
    """Where the caller holds the permission."""
    visible: Reach
    """Where the caller holds any permission at all."""

    def parameters(self) -> dict[str, Any]:
        """Return what the conditions in the module's docstring name."""
        return {
            "team_id": self.team_id,
            "allowed_everywhere": self.allowed.everywhere,
            "allowed_somewhere": bool(self.allowed),
            "allowed_on": list(self.allowed.project_ids),
            "visible_everywhere": self.visible.everywhere,
            "visible_somewhere": bool(self.visible),
            "visible_on": list(self.visible.project_ids),
        }

    def denied(self, resource: Resource | None = None) -> PermissionDenied:
        """Return the error for a caller who lacks the permission on `resource`."""
        return PermissionDenied.missing(self.permission, resource=resource)


async def fetch_one(
    conn: AsyncConnection[TupleRow],
    kind: type[RowT],
    statement: LiteralString,
    parameters: Mapping[str, Any],
    *,
    access: Access,
    resource: Resource,
) -> RowT:
    """Return the one row that `statement` selects as a `kind`, if its column `allowed` says so.

    Raises:
        NotFound: There is no row.
        PermissionDenied: `allowed` is not true.
    """
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, {**access.parameters(), **parameters})
        row = await cursor.fetchone()
    if row is None:
        raise NotFound.of(resource.type, resource.name)
    if not row.pop("allowed"):
        raise access.denied(resource)
    return kind(**row)


async def fetch_all(
    conn: AsyncConnection[TupleRow],
    kind: type[RowT],
    statement: LiteralString,
    parameters: Mapping[str, Any],
    *,
    access: Access,
) -> list[RowT]:
    """Return the rows that `statement`, which leaves out what is not allowed, selects."""
    async with conn.cursor(row_factory=class_row(kind)) as cursor:
        await cursor.execute(statement, {**access.parameters(), **parameters})
        return await cursor.fetchall()


async def write_one(
    conn: AsyncConnection[TupleRow],
    kind: type[RowT],
    statement: LiteralString,
    parameters: Mapping[str, Any],
    *,
    access: Access,
    resource: Resource | None = None,
) -> RowT:
    """Return the one row that `statement`, which writes only where it is allowed, wrote.

    Raises:
        PermissionDenied: It wrote none.
    """
    async with conn.cursor(row_factory=class_row(kind)) as cursor:
        await cursor.execute(statement, {**access.parameters(), **parameters})
        row = await cursor.fetchone()
    if row is None:
        raise access.denied(resource)
    return row
