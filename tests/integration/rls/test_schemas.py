"""What the schemas say of themselves: no table, role, view or index leaves a gap in the wall."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, LiteralString

import psycopg
import pytest

from tests.integration.rls.installation import SCHEMAS

OF_NO_TEAM: Final = {
    "auth.signing_keys": "the installation's own",
    "auth.teams": "they are the teams; their id is what team_id is elsewhere",
    "auth.outbox": "messages of all teams, for the relay only",
    "auth.audit_outbox": "events of all teams, for the relay only",
    "catalog.outbox": "as in auth",
    "catalog.audit_outbox": "as in auth",
}
"""Tables without a team_id, all of which have a wall of their own."""

OUR_IDS: Final = {
    "id",
    "conversion_profile_id",
    "image_id",
    "job_id",
    "key_id",
    "location_id",
    "output_id",
    "overlay_template_id",
    "role_id",
    "upload_id",
    "user_id",
}
"""Columns that nobody can guess, so that to find one taken tells nothing."""

TELLS_NOTHING: Final = {
    "auth.teams_short_name": "only the operator makes teams",
    "auth.request_ids_pkey": "it begins with the caller's own id",
    "catalog.request_ids_pkey": "it begins with the caller's own id",
    "upload.request_ids_pkey": "it begins with the caller's own id",
    "upload.session_parts_pkey": "it begins with the id of an upload, which only its team has",
}
"""Unique indexes without a team_id or an id of ours."""


@pytest.fixture
def admin(installed: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(installed) as connection:
        yield connection


def column(connection: psycopg.Connection[Any], query: LiteralString) -> list[Any]:
    """The first column of a query that is limited to our schemas."""
    cursor = connection.execute(query, {"schemas": list(SCHEMAS)})
    return [row[0] for row in cursor.fetchall()]


def test_every_table_is_of_a_team_or_is_known_not_to_be(
    admin: psycopg.Connection[Any],
) -> None:
    without = column(
        admin,
        """
        SELECT n.nspname || '.' || c.relname
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(%(schemas)s) AND c.relkind IN ('r', 'p')
          AND c.relname <> 'schema_migrations'
          AND NOT EXISTS (SELECT FROM pg_attribute a
                          WHERE a.attrelid = c.oid AND a.attname = 'team_id'
                            AND a.attnotnull AND NOT a.attisdropped)
        """,
    )
    assert set(without) == set(OF_NO_TEAM)


def test_every_table_is_walled_also_against_its_owner(admin: psycopg.Connection[Any]) -> None:
    unwalled = column(
        admin,
        """
        SELECT n.nspname || '.' || c.relname
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(%(schemas)s) AND c.relkind IN ('r', 'p')
          AND c.relname <> 'schema_migrations'
          AND NOT (c.relrowsecurity AND c.relforcerowsecurity
                   AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))
        """,
    )
    assert unwalled == []


def test_no_service_logs_in_as_somebody_whom_the_wall_does_not_bind(
    admin: psycopg.Connection[Any],
) -> None:
    logins = column(
        admin,
        """
        SELECT r.rolname FROM pg_roles r JOIN unnest(%(schemas)s::text[]) s
          ON r.rolname = 'picstore_' || s
        WHERE NOT (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb
                   OR pg_has_role(r.oid, 'picstore_' || s || '_owner', 'MEMBER'))
        """,
    )
    assert sorted(logins) == [f"picstore_{schema}" for schema in SCHEMAS]


def test_no_service_owns_anything(admin: psycopg.Connection[Any]) -> None:
    owned = column(
        admin,
        """
        SELECT n.nspname || '.' || c.relname
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(%(schemas)s)
          AND pg_get_userbyid(c.relowner) <> 'picstore_' || n.nspname || '_owner'
        UNION ALL
        SELECT n.nspname FROM pg_namespace n
        WHERE n.nspname = ANY(%(schemas)s)
          AND pg_get_userbyid(n.nspowner) <> 'picstore_' || n.nspname || '_owner'
        """,
    )
    assert owned == []


def test_no_service_may_use_the_schema_of_another(admin: psycopg.Connection[Any]) -> None:
    crossing = column(
        admin,
        """
        SELECT login || ' in ' || schema
        FROM unnest(%(schemas)s::text[]) login CROSS JOIN unnest(%(schemas)s::text[]) schema
        WHERE login <> schema AND has_schema_privilege('picstore_' || login, schema, 'USAGE')
        """,
    )
    assert crossing == []


def test_nothing_runs_with_the_rights_of_its_owner(admin: psycopg.Connection[Any]) -> None:
    behind_the_wall = column(
        admin,
        """
        SELECT n.nspname || '.' || c.relname
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(%(schemas)s)
          AND (c.relkind = 'm'
               OR c.relkind = 'v'
                  AND NOT coalesce('security_invoker=true' = ANY(c.reloptions), false))
        UNION ALL
        SELECT n.nspname || '.' || f.proname
        FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
        WHERE n.nspname = ANY(%(schemas)s) AND f.prosecdef
        """,
    )
    assert behind_the_wall == []


def test_no_unique_index_tells_of_another_teams_rows(admin: psycopg.Connection[Any]) -> None:
    cursor = admin.execute(
        """
        SELECT n.nspname || '.' || ic.relname,
               ARRAY(SELECT a.attname::text FROM pg_attribute a
                     WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey))
        FROM pg_index i
        JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_class ic ON ic.oid = i.indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(%s) AND i.indisunique AND c.relname <> 'schema_migrations'
        """,
        (list(SCHEMAS),),
    )
    telling = {
        name
        for name, columns in cursor.fetchall()
        if "team_id" not in columns and not OUR_IDS & set(columns)
    }
    assert telling == set(TELLS_NOTHING)


def test_every_reference_between_rows_of_teams_is_within_the_team(
    admin: psycopg.Connection[Any],
) -> None:
    crossing = column(
        admin,
        """
        SELECT n.nspname || '.' || f.conname
        FROM pg_constraint f
        JOIN pg_class c ON c.oid = f.conrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(%(schemas)s) AND f.contype = 'f'
          AND NOT EXISTS (SELECT FROM pg_attribute a
                          WHERE a.attrelid = f.conrelid AND a.attname = 'team_id'
                            AND a.attnum = ANY(f.conkey))
        """,
    )
    assert crossing == []


def test_the_audit_log_can_only_grow(admin: psycopg.Connection[Any]) -> None:
    rights = admin.execute(
        "SELECT r, has_table_privilege('picstore_auth', 'auth.audit_events', r)"
        " FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) r"
    )
    assert dict(rights.fetchall()) == {
        "SELECT": True,
        "INSERT": True,
        "UPDATE": False,
        "DELETE": False,
        "TRUNCATE": False,
    }
