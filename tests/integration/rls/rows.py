"""Rows for every table, whatever its columns are.

What a row says does not matter to the wall between teams, only whose it is. So here the checks,
references and triggers of the tables are taken away, and every column gets any value of its type:
a table that somebody adds tomorrow is tested without anybody having to think of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

_ANY_VALUE: Final = {
    "text": "gen_random_uuid()::text",
    "bytea": "uuid_send(gen_random_uuid())",
    "boolean": "false",
    "integer": "(random() * 1e6)::integer",
    "bigint": "(random() * 1e6)::bigint",
    "double precision": "random()",
    "jsonb": "'[]'::jsonb",
    "text[]": "'{}'::text[]",
    "timestamp with time zone": "clock_timestamp()",
}
"""An SQL expression for each type; another type has to be added here."""

_UNTIED: Final = """
    SELECT format('ALTER TABLE %%I.%%I DROP CONSTRAINT %%I', n.nspname, c.relname, k.conname)
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND k.contype IN ('c', 'f')
    UNION ALL
    SELECT format('ALTER TABLE %%I.%%I DISABLE TRIGGER USER', schemaname, tablename)
    FROM pg_tables WHERE schemaname = %(schema)s
"""
_COLUMNS: Final = """
    SELECT c.relname, a.attname, format_type(a.atttypid, NULL)
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind IN ('r', 'p')
      AND c.relname <> 'schema_migrations' AND a.attgenerated = '' AND a.attidentity = ''
    ORDER BY c.relname, a.attnum
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table, and what may be written into it."""

    schema: str
    name: str
    types: Mapping[str, str]

    @property
    def team_column(self) -> str | None:
        """The column that says whose a row is; None where rows are no team's."""
        if self.name == "teams":
            return "id"
        return "team_id" if "team_id" in self.types else None

    @property
    def identifier(self) -> sql.Identifier:
        """Its name with that of the schema."""
        return sql.Identifier(self.schema, self.name)

    def insert(self, team: str) -> sql.Composed:
        """Return the statement that adds a row of `team`, or of nobody."""
        values = [
            sql.Literal(team) if column == self.team_column else sql.SQL(_value(self, column))
            for column in self.types
        ]
        return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            self.identifier,
            sql.SQL(", ").join(map(sql.Identifier, self.types)),
            sql.SQL(", ").join(values),
        )

    def update(self, team: str | None = None) -> sql.Composed:
        """Return the statement that writes every row again, or gives every row to `team`."""
        column = self.team_column or next(iter(self.types))
        target = sql.Identifier(column) if team is None else sql.Literal(team)
        return sql.SQL("UPDATE {} SET {} = {}").format(
            self.identifier, sql.Identifier(column), target
        )

    def delete(self) -> sql.Composed:
        """Return the statement that deletes every row."""
        return sql.SQL("DELETE FROM {}").format(self.identifier)

    def owners(self) -> sql.Composed:
        """Return the query for whose every row is; None where it is nobody's."""
        column = sql.Identifier(self.team_column) if self.team_column else sql.SQL("NULL")
        return sql.SQL("SELECT {} FROM {}").format(column, self.identifier)


def untie(connection: psycopg.Connection[Any], schema: str) -> None:
    """Take away everything that keeps a row from being written, but the wall."""
    for (statement,) in connection.execute(_UNTIED, {"schema": schema}).fetchall():
        connection.execute(statement)


def tables(connection: psycopg.Connection[Any], schema: str) -> list[Table]:
    """Return every table of a schema, but for the list of its migrations."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(_COLUMNS, {"schema": schema}).fetchall():
        found.setdefault(table, {})[column] = kind
    return [Table(schema=schema, name=name, types=types) for name, types in found.items()]


def _value(table: Table, column: str) -> Any:
    return _ANY_VALUE[table.types[column]]
