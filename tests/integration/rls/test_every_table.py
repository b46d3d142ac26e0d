"""Statements without any condition, on every table of every schema, as the service itself.

Rows of RED and BLUE are everywhere; the service acts for BLUE, for nobody, or for the wrong one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import pytest
from psycopg import errors, sql

from picstore_local.infrastructure import Infrastructure
from tests.integration.rls.installation import SCHEMAS, installation, service_dsn
from tests.integration.rls.rows import Table, tables, untie

RED: Final = "tem_red"
BLUE: Final = "tem_blue"
ROWS: Final = 3
"""Rows of each team in each table."""

ONLY_GROWS: Final = {"auth.audit_events"}
"""Tables in which the service may neither change nor delete even its own rows."""

FILLED_BY_THE_SYSTEM: Final = {"auth.audit_events"}
"""Tables to which no transaction of a team adds anything."""


class Stage:
    """One schema: its tables, its service's connection and its administrator's."""

    def __init__(
        self,
        schema: str,
        admin: psycopg.Connection[Any],
        service: psycopg.Connection[Any],
    ) -> None:
        self.tables = tables(admin, schema)
        self._admin = admin
        self._service = service

    def of_teams(self) -> list[Table]:
        return [table for table in self.tables if table.team_column is not None]

    def of_no_team(self) -> list[Table]:
        return [table for table in self.tables if table.team_column is None]

    @contextmanager
    def acting_for(self, team: str | None) -> Iterator[psycopg.Connection[Any]]:
        """A transaction of the service for a team; for None, one that says for nobody."""
        with self._service.transaction(force_rollback=True):
            if team is not None:
                self._service.execute("SELECT set_config('picstore.team', %s, true)", (team,))
            yield self._service

    def try_for(self, team: str | None, statement: sql.Composed) -> int | type[psycopg.Error]:
        """Run a statement and undo it; return how many rows it met, or how it was refused."""
        try:
            with self.acting_for(team) as connection:
                return connection.execute(statement).rowcount
        except psycopg.Error as error:
            return type(error)

    def seen_by(self, team: str | None, table: Table) -> list[str | None]:
        """Whose rows a query without a condition finds."""
        with self.acting_for(team) as connection:
            return [owner for (owner,) in connection.execute(table.owners()).fetchall()]

    def fill(self) -> None:
        for table in self.tables:
            for team in (RED, BLUE):
                for _ in range(1 if table.name == "teams" else ROWS):
                    self._admin.execute(table.insert(team))


def name_of(table: Table) -> str:
    return f"{table.schema}.{table.name}"


@pytest.fixture(scope="module")
def installed_without_ties(infra: Infrastructure) -> Iterator[str]:
    with installation(infra.postgres_dsn) as dsn:
        yield dsn


@pytest.fixture(scope="module", params=SCHEMAS)
def stage(request: pytest.FixtureRequest, installed_without_ties: str) -> Iterator[Stage]:
    schema: str = request.param
    with (
        psycopg.connect(installed_without_ties, autocommit=True) as admin,
        psycopg.connect(service_dsn(installed_without_ties, schema), autocommit=True) as service,
    ):
        untie(admin, schema)
        stage = Stage(schema, admin, service)
        stage.fill()
        yield stage


def test_there_are_rows_of_both_teams_everywhere(stage: Stage) -> None:
    """Without them the other tests would prove nothing."""
    assert stage.of_teams()
    for table in stage.of_teams():
        seen = {team: stage.seen_by(team, table) for team in (RED, BLUE)}
        assert all(seen.values()), name_of(table)


def test_a_query_finds_no_row_of_another_team(stage: Stage) -> None:
    for table in stage.of_teams():
        assert set(stage.seen_by(BLUE, table)) == {BLUE}, name_of(table)


def test_an_update_changes_no_row_of_another_team(stage: Stage) -> None:
    for table in stage.of_teams():
        own = len(stage.seen_by(BLUE, table))
        expected = errors.InsufficientPrivilege if name_of(table) in ONLY_GROWS else own
        assert stage.try_for(BLUE, table.update()) == expected, name_of(table)


def test_a_delete_removes_no_row_of_another_team(stage: Stage) -> None:
    for table in stage.of_teams():
        own = len(stage.seen_by(BLUE, table))
        expected = errors.InsufficientPrivilege if name_of(table) in ONLY_GROWS else own
        assert stage.try_for(BLUE, table.delete()) == expected, name_of(table)


def test_no_row_is_added_to_another_team(stage: Stage) -> None:
    for table in stage.of_teams():
        added = stage.try_for(BLUE, table.insert(RED))
        assert added is errors.InsufficientPrivilege, name_of(table)


def test_a_row_of_ones_own_is_added(stage: Stage) -> None:
    """Otherwise the test before would hold for any reason at all."""
    for table in stage.of_teams():
        if name_of(table) not in FILLED_BY_THE_SYSTEM and table.name != "teams":
            assert stage.try_for(BLUE, table.insert(BLUE)) == 1, name_of(table)


def test_no_row_is_given_to_another_team(stage: Stage) -> None:
    for table in stage.of_teams():
        given = stage.try_for(BLUE, table.update(RED))
        assert given is errors.InsufficientPrivilege, name_of(table)


@pytest.mark.parametrize("team", [None, ""])
def test_who_acts_for_nobody_reaches_nothing(stage: Stage, team: str | None) -> None:
    for table in stage.tables:
        assert stage.seen_by(team, table) == [], name_of(table)
        nothing = errors.InsufficientPrivilege if name_of(table) in ONLY_GROWS else 0
        assert stage.try_for(team, table.update()) == nothing, name_of(table)
        assert stage.try_for(team, table.delete()) == nothing, name_of(table)


def test_a_team_reaches_nothing_of_what_is_nobodys(stage: Stage) -> None:
    for table in stage.of_no_team():
        assert stage.seen_by(BLUE, table) == [], name_of(table)
        assert stage.try_for(BLUE, table.update()) == 0, name_of(table)
        assert stage.try_for(BLUE, table.delete()) == 0, name_of(table)


def test_no_table_can_be_emptied_at_once(stage: Stage) -> None:
    for table in stage.tables:
        emptied = stage.try_for(BLUE, sql.SQL("TRUNCATE {}").format(table.identifier))
        assert emptied is errors.InsufficientPrivilege, name_of(table)
