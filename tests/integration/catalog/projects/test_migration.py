"""Migrating a catalog that is in use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path

from pydantic import SecretStr

from picstore_kit.ids import TeamId
from picstore_kit.pg.database import Database
from picstore_kit.pg.migrate import migrate
from picstore_kit.pg.provision import login_dsn, provision
from picstore_kit.settings import PostgresSettings

PASSWORD = "not a secret"

# An upload profile whose conversion profile changed between two pictures, and one more picture
# whose bytes have not come.
EARLIER_ROWS = """
    INSERT INTO projects (team_id, id, short_name, base_path)
    VALUES (%(team)s, 'prj_1', 'blog', 'blog');
    INSERT INTO storage_locations (team_id, id, short_name, provider, local_directory)
    VALUES (%(team)s, 'loc_1', 'store', 'local', '/srv');
    WITH revisions AS (
        INSERT INTO conversion_profile_revisions
            (team_id, conversion_profile_id, revision, formats, sizes, background, created_at)
        VALUES (%(team)s, 'cpr_1', 1, '[]', '[]', '#ffffff', '2026-01-01'),
               (%(team)s, 'cpr_1', 2, '[]', '[]', '#000000', '2026-03-01')
    )
    INSERT INTO conversion_profiles (team_id, id, short_name, revision)
    VALUES (%(team)s, 'cpr_1', 'web', 2);
    INSERT INTO upload_profiles (team_id, id, project_id, short_name, originals_location_id,
                                 outputs_location_id, conversion_profile_id)
    VALUES (%(team)s, 'upr_1', 'prj_1', 'photos', 'loc_1', 'loc_1', 'cpr_1');
    INSERT INTO images (id, team_id, project_id, upload_profile_id, filename, location, state,
                        upload_id, originals_location_id, original_key, format, width, height,
                        frames, has_alpha, has_gps, size_bytes, sha256, pending_generation,
                        committed_at)
    SELECT image.id, %(team)s, 'prj_1', 'upr_1', 'a.jpg', '', 'CONVERTING', image.id, 'loc_1',
           image.id, 'jpeg', 1, 1, 1, false, false, 1, decode(repeat('00', 32), 'hex'),
           1, image.committed_at
    FROM (VALUES ('img_1', timestamptz '2026-02-01'),
                 ('img_2', timestamptz '2026-04-01')) AS image (id, committed_at);
    INSERT INTO images (id, team_id, project_id, upload_profile_id, filename, location, state)
    VALUES ('img_3', %(team)s, 'prj_1', 'upr_1', 'a.jpg', '', 'AWAITING_UPLOAD');
"""


OF_OLD_CODE = """
    INSERT INTO images (id, team_id, project_id, upload_profile_id, filename, filename_key,
                        location, state)
    VALUES ('img_4', %(team)s, 'prj_1', 'upr_1', 'B.jpg', 'b.jpg', '', 'AWAITING_UPLOAD');
    UPDATE images
    SET state = 'CONVERTING', upload_id = 'upl_4', originals_location_id = 'loc_1',
        original_key = 'key', format = 'jpeg', width = 1, height = 1, frames = 1, has_alpha = false,
        has_gps = false, size_bytes = 1, sha256 = decode(repeat('00', 32), 'hex'),
        pending_generation = 1, conversion_profile_id = 'cpr_1', conversion_profile_revision = 2,
        committed_at = clock_timestamp()
    WHERE id = 'img_4';
    UPDATE images SET thumbhash = 'x', dominant_colour = '#000000' WHERE id = 'img_4';
    UPDATE images
    SET state = 'READY', failure_reason = NULL, generation = pending_generation,
        pending_generation = 0
    WHERE id = 'img_4';
"""
"""What code does that knows no table of originals: it commits, and pages see the picture."""


@asynccontextmanager
async def migrated(
    database_url: str, team_id: TeamId, earlier: Path, *numbers: str
) -> AsyncIterator[Database]:
    """A catalog that was in use at the migrations with `numbers` and then got all."""
    everything = resources.files("picstore_catalog") / "migrations"
    for file in everything.iterdir():
        if file.name.startswith(numbers):
            (earlier / file.name).write_text(file.read_text())
    await provision(database_url, service="catalog", password=PASSWORD)
    await migrate(database_url, service="catalog", directory=earlier)
    dsn = SecretStr(login_dsn(database_url, service="catalog", password=PASSWORD))
    settings = PostgresSettings(dsn=dsn, pool_min=1, pool_max=1)
    async with Database(settings, schema="catalog", application_name="tests") as database:
        await run(database, team_id, EARLIER_ROWS)
        await migrate(database_url, service="catalog", directory=everything)
        yield database


async def run(database: Database, team_id: TeamId, statements: str) -> None:
    async with database.transaction(team=team_id) as conn:
        for statement in statements.split(";\n")[:-1]:
            await conn.execute(statement.encode(), {"team": team_id})


async def test_pictures_get_the_revision_that_was_current_when_they_came(
    database_url: str, team_id: TeamId, tmp_path: Path
) -> None:
    async with (
        migrated(database_url, team_id, tmp_path, "0001", "0002", "0003") as database,
        database.transaction(team=team_id) as conn,
    ):
        cursor = await conn.execute(
            "SELECT id, conversion_profile_id, conversion_profile_revision FROM images ORDER BY id"
        )
        assert await cursor.fetchall() == [
            ("img_1", "cpr_1", 1),
            ("img_2", "cpr_1", 2),
            ("img_3", None, None),
        ]


async def test_every_original_has_its_row_also_if_old_code_brings_it(
    database_url: str, team_id: TeamId, tmp_path: Path
) -> None:
    async with migrated(database_url, team_id, tmp_path, "0001", "0002", "0003") as database:
        await run(database, team_id, OF_OLD_CODE)
        async with database.transaction(team=team_id) as conn:
            cursor = await conn.execute(
                "SELECT image_id, generation, upload_id, filename_key, object_key, thumbhash,"
                " conversion_profile_revision FROM originals ORDER BY image_id"
            )
            assert await cursor.fetchall() == [
                ("img_1", 1, "img_1", "a.jpg", "img_1", None, 1),
                ("img_2", 1, "img_2", "a.jpg", "img_2", None, 2),
                ("img_4", 1, "upl_4", "b.jpg", "key", b"x", 2),
            ]
