"""Fetching and checking in one statement: what a caller may do, as parameters for SQL.

An `Access` is a principal together with the one permission that a call needs. `parameters` hands
both to the statement, which says beside the row whether the caller is allowed to:

    SELECT t.id, t.project_id, …,
           (%(allowed_everywhere)s OR t.project_id = ANY(%(allowed_on)s)) AS allowed
    FROM things t
    WHERE t.team_id = %(team_id)s AND t.id = %(thing_id)s
      AND (%(visible_everywhere)s OR t.project_id = ANY(%(visible_on)s))

`fetch_one` runs it and turns the outcome into the row, NOT_FOUND (missing, of another team, or of a
project that the caller has nothing to do with) or PERMISSION_DENIED (visible, but not allowed).
A statement that writes has the same condition in its `WHERE`.

Objects of the whole team have no project. Whoever may read some project may read them, only a grant
on the whole team allows to write them (`allowed_on_shared` is the one or the other, as the
permission has it), and whoever has any grant sees that they exist (`visible_somewhere`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, LiteralString, Self, TypeAlias, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row, kwargs_row
from psycopg.sql import SQL, Composed

from picstore_kit.errors import NotFound, PermissionDenied, PicstoreError, Resource
from picstore_kit.ids import ProjectId, TeamId
from picstore_kit.rpc.auth import ALL_PROJECTS, Principal

_READS: Final = ":read"
"""How permissions end that allow to look and not to change."""

RowT = TypeVar("RowT")

Statement: TypeAlias = LiteralString | SQL | Composed
"""Literal text, or put together of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which projects of a team something extends to."""

    everywhere: bool = False
    """To the team itself and to all of its projects, those to come included."""
    project_ids: tuple[ProjectId, ...] = ()

    def __bool__(self) -> bool:
        return self.everywhere or bool(self.project_ids)

    def includes(self, project_id: ProjectId) -> bool:
        """Return whether it extends to a project of the team."""
        return self.everywhere or project_id in self.project_ids

    def as_array(self) -> str:
        """Return the projects as the text of an array.

        The driver takes longer to convert a list of twenty than Postgres takes to fetch a row by
        its id. Ids are letters, digits and underscores, so nothing needs quotes.
        """
        return f"{{{','.join(self.project_ids)}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What one caller may do with one permission."""

    team_id: TeamId
    caller: str
    """The id of the user who calls, or the name of the service."""
    permission: str
    """As people write it: `image:read`."""
    allowed: Reach
    """Where the caller holds the permission."""
    visible: Reach
    """Where the caller holds any permission at all."""

    @classmethod
    def of(cls, principal: Principal, permission: str) -> Self:
        """Return what the principal may do with `permission` in its own team.

        Raises:
            PermissionDenied: The principal belongs to no team.
        """
        caller = principal.user_id or principal.service
        if principal.team_id is None or caller is None:
            raise PermissionDenied.missing(permission)
        allowed = principal.project_ids(permission)
        seen = {grant.project_id for grant in principal.grants}
        return cls(
            team_id=principal.team_id,
            caller=caller,
            permission=permission,
            allowed=(
                Reach(everywhere=True)
                if allowed is ALL_PROJECTS
                else Reach(project_ids=tuple(allowed))
            ),
            visible=Reach(
                everywhere=None in seen,
                project_ids=tuple(project_id for project_id in seen if project_id is not None),
            ),
        )

    @classmethod
    def unlimited(cls, team_id: TeamId, permission: str, *, caller: str) -> Self:
        """Return the access of a service of ours to everything that a team has."""
        everywhere = Reach(everywhere=True)
        return cls(
            team_id=team_id,
            caller=caller,
            permission=permission,
            allowed=everywhere,
            visible=everywhere,
        )

    def parameters(self) -> dict[str, Any]:
        """Return what the conditions in the module's docstring name."""
        return {
            "team_id": self.team_id,
            "caller": self.caller,
            "allowed_everywhere": self.allowed.everywhere,
            "allowed_on": self.allowed.as_array(),
            "allowed_on_shared": self._allowed_on_shared,
            "visible_everywhere": self.visible.everywhere,
            "visible_somewhere": bool(self.visible),
            "visible_on": self.visible.as_array(),
        }

    @property
    def _allowed_on_shared(self) -> bool:
        return bool(self.allowed) if self._reads else self.allowed.everywhere

    @property
    def _reads(self) -> bool:
        return self.permission.endswith(_READS)

    def require_somewhere(self) -> None:
        """Refuse a caller who holds the permission nowhere, before a list that would be empty.

        Raises:
            PermissionDenied: It names the permission.
        """
        if not self.allowed:
            raise self.denied()

    def denied(self, resource: Resource | None = None) -> PermissionDenied:
        """Return the error for a caller who lacks the permission on `resource`."""
        return PermissionDenied.missing(self.permission, resource=resource)


async def fetch_one(
    conn: AsyncConnection[TupleRow],
    make: Callable[..., RowT],
    statement: Statement,
    parameters: Mapping[str, Any],
    *,
    access: Access,
    resource: Resource,
) -> RowT:
    """Return the one row that `statement` selects, if its column `allowed` says so.

    `make` takes the other columns by name, as a dataclass does.

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
    return make(**row)


async def fetch_all(
    conn: AsyncConnection[TupleRow],
    make: Callable[..., RowT],
    statement: Statement,
    parameters: Mapping[str, Any],
    *,
    access: Access,
) -> list[RowT]:
    """Return the rows that `statement`, which leaves out what is not allowed, selects."""
    async with conn.cursor(row_factory=kwargs_row(make)) as cursor:
        await cursor.execute(statement, {**access.parameters(), **parameters})
        return await cursor.fetchall()


async def write_one(
    conn: AsyncConnection[TupleRow],
    make: Callable[..., RowT],
    statement: Statement,
    parameters: Mapping[str, Any],
    *,
    access: Access,
    resource: Resource | None = None,
    otherwise: PicstoreError | None = None,
) -> RowT:
    """Return the one row that `statement`, which writes only where it is allowed, wrote.

    Raises:
        PermissionDenied: It wrote none, and there is no other reason for that.
        PicstoreError: `otherwise`, which is that other reason.
    """
    async with conn.cursor(row_factory=kwargs_row(make)) as cursor:
        await cursor.execute(statement, {**access.parameters(), **parameters})
        row = await cursor.fetchone()
    if row is None:
        raise otherwise or access.denied(resource)
    return row


async def delete_one(
    conn: AsyncConnection[TupleRow],
    statement: Statement,
    parameters: Mapping[str, Any],
    *,
    access: Access,
    resource: Resource,
) -> None:
    """Run `statement`, which deletes only where it is allowed.

    Raises:
        PermissionDenied: It deleted nothing.
    """
    cursor = await conn.execute(statement, {**access.parameters(), **parameters})
    if not cursor.rowcount:
        raise access.denied(resource)
