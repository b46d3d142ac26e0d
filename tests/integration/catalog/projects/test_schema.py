"""What the schema itself refuses, whatever the code does."""

from __future__ import annotations

from typing import LiteralString

import pytest
from psycopg import errors

from picstore_catalog.repo import project as projects
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases.bootstrap import apply_bootstrap
from picstore_catalog.usecases.locations import LocationSecrets
from picstore_kit.ids import TeamId, new_id
from picstore_kit.pg.errors import ReferenceViolated
from picstore_kit.pg.rls import unprotected_tables
from tests.integration.catalog.projects.objects import access_to, document, project

TABLES = (
    "projects",
    "storage_locations",
    "conversion_profiles",
    "conversion_profile_revisions",
    "upload_profiles",
)


@pytest.fixture
async def applied(work: UnitOfWork, secrets: LocationSecrets, team_id: TeamId) -> TeamId:
    """A team that has one of everything."""
    async with work.begin(team_id) as transaction:
        await apply_bootstrap(transaction, access_to(team_id), document(), secrets)
    return team_id


async def test_every_table_of_teams_has_its_wall(work: UnitOfWork) -> None:
    async with work.begin_for_all_teams() as transaction:
        assert await unprotected_tables(transaction) == []


async def test_a_forgotten_filter_shows_no_other_team(work: UnitOfWork, applied: TeamId) -> None:
    statements: tuple[LiteralString, ...] = (
        "SELECT count(*) FROM projects",
        "SELECT count(*) FROM storage_locations",
        "SELECT count(*) FROM conversion_profiles",
        "SELECT count(*) FROM conversion_profile_revisions",
        "SELECT count(*) FROM upload_profiles",
    )
    counts = {}
    for team_id in (applied, new_id(TeamId)):
        async with work.begin(team_id) as transaction:
            found = [await (await transaction.execute(text)).fetchone() for text in statements]
        counts[team_id] = [row[0] for row in found if row is not None]

    assert list(counts.values()) == [[1] * len(TABLES), [0] * len(TABLES)]


async def test_a_row_of_another_team_cannot_be_written(work: UnitOfWork, team_id: TeamId) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        async with work.begin(new_id(TeamId)) as transaction:
            await projects.insert(transaction, access_to(team_id), project())


async def test_a_profile_cannot_refer_to_another_team(work: UnitOfWork, applied: TeamId) -> None:
    other = new_id(TeamId)
    async with work.begin(other) as transaction:
        made = await projects.insert(transaction, access_to(other), project())

    with pytest.raises(ReferenceViolated):
        async with work.begin_for_all_teams() as transaction:
            await transaction.execute(
                "UPDATE upload_profiles SET project_id = %s", (made.value.id,)
            )


async def test_a_revision_never_changes(work: UnitOfWork, applied: TeamId) -> None:
    with pytest.raises(errors.RaiseException, match="never changes"):
        async with work.begin(applied) as transaction:
            await transaction.execute(
                "UPDATE conversion_profile_revisions SET background = '#000000'"
            )


async def test_the_current_revision_cannot_go(work: UnitOfWork, applied: TeamId) -> None:
    with pytest.raises(ReferenceViolated):
        async with work.begin(applied) as transaction:
            await transaction.execute("DELETE FROM conversion_profile_revisions")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE projects SET short_name = 'No Short Name'",
        "UPDATE projects SET base_path = ''",
        "UPDATE projects SET max_bytes = -1",
        "UPDATE storage_locations SET provider = 'ftp'",
        "UPDATE storage_locations SET s3_secret_access_key = NULL",
        "UPDATE storage_locations SET local_directory = '/srv'",
        "UPDATE conversion_profiles SET revision = 0",
    ],
)
async def test_nonsense_is_refused(
    work: UnitOfWork, applied: TeamId, statement: LiteralString
) -> None:
    with pytest.raises(errors.CheckViolation):
        async with work.begin(applied) as transaction:
            await transaction.execute(statement)
