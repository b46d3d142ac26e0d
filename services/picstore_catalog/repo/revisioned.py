"""Objects of a project or of the whole team, and the revisions of their content, in the database.

An object is a row that says what it is called and which revision is current. Each revision is a row
of another table, whose columns of content are all that differs from one kind of object to the next:
`Kind` names them. The statements are put together once, when the module of a kind is imported, of
nothing but texts from code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, Final, Generic, LiteralString, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from picstore_catalog.model.revisioned import Revision, Revisioned
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo.conflicts import conflicts_named, overtaken, references_named
from picstore_kit.errors import NotFound, Resource
from picstore_kit.pg.access import Access, delete_one, fetch_all, fetch_one, write_one

IdT = TypeVar("IdT", bound=str)
ValueT = TypeVar("ValueT", bound=Revisioned)
RevisionT = TypeVar("RevisionT", bound=Revision)
ContentT = TypeVar("ContentT")

_ONE: Final = SQL(
    """
    SELECT o.id, o.project_id, o.short_name, o.display_name, r.revision, {content},
           o.version, o.created_at, o.updated_at,
           (%(allowed_everywhere)s OR o.project_id = ANY(%(allowed_on)s)
            OR (o.project_id IS NULL AND %(allowed_on_shared)s)) AS allowed
    FROM {objects} o
    LEFT JOIN {revisions} r
        ON r.team_id = o.team_id AND r.{object_id} = o.id
        AND r.revision = coalesce(%(revision)s, o.revision)
    WHERE o.team_id = %(team_id)s AND o.id = %(id)s
      AND (%(visible_everywhere)s OR o.project_id = ANY(%(visible_on)s)
           OR (o.project_id IS NULL AND %(visible_somewhere)s))
    """
)
_LOCK: Final = SQL(
    """
    SELECT FROM {objects} o
    WHERE o.team_id = %(team_id)s AND o.id = %(id)s
      AND (%(visible_everywhere)s OR o.project_id = ANY(%(visible_on)s)
           OR (o.project_id IS NULL AND %(visible_somewhere)s))
    FOR UPDATE
    """
)
"""By itself, before the object is read: a statement that waited for the lock sees the object as it
is then, but the revisions as they were when it began."""

_ALL: Final = SQL(
    """
    SELECT o.id, o.project_id, o.short_name, o.display_name, o.revision, {content},
           o.version, o.created_at, o.updated_at
    FROM {objects} o
    JOIN {revisions} r
        ON (r.team_id, r.{object_id}, r.revision) = (o.team_id, o.id, o.revision)
    WHERE o.team_id = %(team_id)s
      AND (%(allowed_everywhere)s OR o.project_id = ANY(%(allowed_on)s)
           OR (o.project_id IS NULL AND %(allowed_on_shared)s))
      AND (%(short_name)s = '' OR o.short_name = %(short_name)s)
      AND (%(after)s::text IS NULL OR o.id > %(after)s)
    ORDER BY o.id
    LIMIT %(limit)s
    """
)

_REVISIONS: Final = SQL(
    """
    SELECT r.revision, {content}, r.creator, r.created_at
    FROM {objects} o
    JOIN {revisions} r ON r.team_id = o.team_id AND r.{object_id} = o.id
    WHERE o.team_id = %(team_id)s AND o.id = %(id)s
      AND (%(allowed_everywhere)s OR o.project_id = ANY(%(allowed_on)s)
           OR (o.project_id IS NULL AND %(allowed_on_shared)s))
      AND (%(before)s::integer IS NULL OR r.revision < %(before)s)
    ORDER BY r.revision DESC
    LIMIT %(limit)s
    """
)

_INSERT: Final = SQL(
    """
    WITH object AS (
        INSERT INTO {objects} (team_id, id, project_id, short_name, display_name, revision)
        SELECT %(team_id)s, %(id)s, %(project_id)s, %(short_name)s, %(display_name)s, %(revision)s
        WHERE %(allowed_everywhere)s OR %(project_id)s::text = ANY(%(allowed_on)s)
        RETURNING team_id, id, project_id, short_name, display_name, revision,
                  version, created_at, updated_at
    ), first AS (
        INSERT INTO {revisions} (team_id, {object_id}, revision, {columns}, creator)
        SELECT team_id, id, revision, {given}, %(caller)s
        FROM object
    )
    SELECT id, project_id, short_name, display_name, revision, {given},
           version, created_at, updated_at
    FROM object
    """
)

_UPDATE: Final = SQL(
    """
    WITH object AS (
        UPDATE {objects} o
        SET display_name = %(display_name)s, revision = %(revision)s,
            version = o.version + 1, updated_at = now()
        WHERE o.team_id = %(team_id)s AND o.id = %(id)s AND o.version = %(version)s
          AND (%(allowed_everywhere)s OR o.project_id = ANY(%(allowed_on)s))
        RETURNING team_id, id, project_id, short_name, display_name, revision,
                  version, created_at, updated_at
    ), next AS (
        INSERT INTO {revisions} (team_id, {object_id}, revision, {columns}, creator)
        SELECT team_id, id, revision, {given}, %(caller)s
        FROM object
        WHERE %(changed)s
    )
    SELECT id, project_id, short_name, display_name, revision, {given},
           version, created_at, updated_at
    FROM object
    """
)

_DELETE: Final = SQL(
    """
    WITH object AS (
        DELETE FROM {objects} o
        WHERE o.team_id = %(team_id)s AND o.id = %(id)s
          AND (%(allowed_everywhere)s OR o.project_id = ANY(%(allowed_on)s))
        RETURNING o.team_id, o.id
    )
    DELETE FROM {revisions} r
    USING object o
    WHERE r.team_id = o.team_id AND r.{object_id} = o.id
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[ValueT, RevisionT, ContentT]):
    """One kind of object: where its rows are, and what they are made into."""

    name: str
    """As errors name it, such as `ConversionProfile`."""
    objects: LiteralString
    """Its table, with which the names of its constraints begin."""
    revisions: LiteralString
    """The table of its revisions."""
    object_id: LiteralString
    """The column of `revisions` that says whose they are."""
    columns: tuple[LiteralString, ...]
    """The columns of `revisions` that are the content."""
    to_columns: Callable[[ContentT], Mapping[str, Any]]
    """Returns a value for each of `columns`."""
    from_columns: Callable[..., ContentT]
    """Takes each of `columns` by name."""
    content: Callable[[ValueT], ContentT]
    """Takes the content out of an object."""
    value: Callable[Concatenate[ContentT, ...], ValueT]
    """Makes an object of its content and, by name, of everything else that is stored of it."""
    revision: Callable[Concatenate[ContentT, ...], RevisionT]
    """Makes a revision in the same way."""

    def statement(self, template: SQL) -> LiteralString:
        """Put the names of the tables and columns into a statement."""
        listed = SQL(", ")
        # All of it is text from code. Text also costs no quoting each time that it is executed.
        return template.format(
            objects=SQL(self.objects),
            revisions=SQL(self.revisions),
            object_id=SQL(self.object_id),
            columns=listed.join(SQL(name) for name in self.columns),
            content=listed.join(SQL("r.{}").format(SQL(name)) for name in self.columns),
            given=listed.join(
                SQL("%({name})s AS {name}").format(name=SQL(name)) for name in self.columns
            ),
        ).as_string()


class RevisionedRows(Generic[IdT, ValueT, RevisionT, ContentT]):
    """The objects of one kind, with their revisions."""

    def __init__(self, kind: Kind[ValueT, RevisionT, ContentT]) -> None:
        self._kind = kind
        self._one = kind.statement(_ONE)
        self._lock = kind.statement(_LOCK)
        self._all = kind.statement(_ALL)
        self._revisions = kind.statement(_REVISIONS)
        self._insert = kind.statement(_INSERT)
        self._update = kind.statement(_UPDATE)
        self._delete = kind.statement(_DELETE)

    @property
    def kind(self) -> str:
        """As errors name it."""
        return self._kind.name

    def resource(self, name: str) -> Resource:
        """Name an object in an error."""
        return Resource(type=self._kind.name, name=name)

    async def fetch(
        self,
        conn: AsyncConnection[TupleRow],
        access: Access,
        object_id: IdT,
        *,
        revision: int | None = None,
        lock: bool = False,
    ) -> Stored[ValueT]:
        """Return an object at a revision, the current one if none is given.

        `lock` keeps others from changing the object, or beginning to refer to it, meanwhile.

        Raises:
            NotFound, PermissionDenied: See `picstore_kit.pg.access`; the object may also
                have no such revision.
        """
        if lock:
            await conn.execute(self._lock, {**access.parameters(), "id": object_id})
        stored = await fetch_one(
            conn,
            self._stored_if_there,
            self._one,
            {"id": object_id, "revision": revision},
            access=access,
            resource=self.resource(object_id),
        )
        if stored is None:
            raise NotFound.of(f"{self._kind.name}Revision", f"{object_id}/revisions/{revision}")
        return stored

    async def find_all(
        self,
        conn: AsyncConnection[TupleRow],
        access: Access,
        *,
        short_name: str,
        after: IdT | None,
        limit: int,
    ) -> list[Stored[ValueT]]:
        """Return objects that the caller may read, oldest first, from behind `after`.

        An empty `short_name` finds all of them.
        """
        return await fetch_all(
            conn,
            self.stored,
            self._all,
            {"short_name": short_name, "after": after, "limit": limit},
            access=access,
        )

    async def find_revisions(
        self,
        conn: AsyncConnection[TupleRow],
        access: Access,
        object_id: IdT,
        *,
        before: int | None,
        limit: int,
    ) -> list[RevisionT]:
        """Return revisions of an object that the caller may read, newest first, below `before`."""
        return await fetch_all(
            conn,
            self._revision,
            self._revisions,
            {"id": object_id, "before": before, "limit": limit},
            access=access,
        )

    async def insert(
        self, conn: AsyncConnection[TupleRow], access: Access, value: ValueT
    ) -> Stored[ValueT]:
        """Add an object with its first revision.

        Raises:
            PermissionDenied: The caller must not, for this project or for the whole team.
            AlreadyExists: The short name or the id is taken.
            NotFound: Its project was deleted just now.
        """
        objects = self._kind.objects
        taken = {
            f"{objects}_short_name": ("short_name", value.short_name),
            f"{objects}_pkey": ("id", value.id),
        }
        project = Resource(type="Project", name=value.project_id or "")
        with (
            conflicts_named(self._kind.name, taken),
            references_named({f"{objects}_project": project}),
        ):
            return await write_one(
                conn, self.stored, self._insert, self._columns(value), access=access
            )

    async def update(
        self,
        conn: AsyncConnection[TupleRow],
        access: Access,
        seen: Stored[ValueT],
        value: ValueT,
    ) -> Stored[ValueT]:
        """Write what can change of an object, if it is still as `seen`.

        Another content becomes the next revision.

        Raises:
            Aborted: It is not (CONFLICT_RETRY).
        """
        changed = self._kind.content(value) != self._kind.content(seen.value)
        return await write_one(
            conn,
            self.stored,
            self._update,
            {
                **self._columns(value),
                "revision": seen.value.revision + changed,
                "version": seen.version,
                "changed": changed,
            },
            access=access,
            otherwise=overtaken(self.resource(value.id)),
        )

    async def delete(self, conn: AsyncConnection[TupleRow], access: Access, object_id: IdT) -> None:
        """Delete an object that is locked and that nothing refers to, with all of its revisions.

        Raises:
            PermissionDenied: The caller must not.
        """
        await delete_one(
            conn,
            self._delete,
            {"id": object_id},
            access=access,
            resource=self.resource(object_id),
        )

    def stored(
        self, *, version: int, created_at: datetime, updated_at: datetime, **columns: Any
    ) -> Stored[ValueT]:
        """Make an object of its columns and of those of its content."""
        content = self._take_content(columns)
        return Stored(
            value=self._kind.value(content, **columns),
            version=version,
            created_at=created_at,
            updated_at=updated_at,
        )

    def content(self, value: ValueT) -> ContentT:
        """Take the content out of an object."""
        return self._kind.content(value)

    def _stored_if_there(self, *, revision: int | None, **columns: Any) -> Stored[ValueT] | None:
        return None if revision is None else self.stored(revision=revision, **columns)

    def _revision(self, **columns: Any) -> RevisionT:
        content = self._take_content(columns)
        return self._kind.revision(content, **columns)

    def _take_content(self, columns: dict[str, Any]) -> ContentT:
        return self._kind.from_columns(**{name: columns.pop(name) for name in self._kind.columns})

    def _columns(self, value: ValueT) -> dict[str, Any]:
        return {
            "id": value.id,
            "project_id": value.project_id,
            "short_name": value.short_name,
            "display_name": value.display_name,
            "revision": value.revision,
            **self._kind.to_columns(self._kind.content(value)),
        }
