"""A migrated catalog with a team, and pictures in it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import AsyncIterator
from importlib import resources
from typing import Any

import pytest
from pydantic import SecretStr

from picstore_catalog.model.image import Image, Original
from picstore_catalog.model.upload import Commit, OnDuplicate, UploadRequest
from picstore_imaging.formats import SourceFormat
from picstore_kit.ids import ImageId, UploadId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.migrate import migrate
from picstore_kit.pg.provision import login_dsn, provision
from picstore_kit.settings import PostgresSettings
from tests.integration.catalog.images.catalog import CHEAP, SERVICE, Catalog, MakeCommit, Team
from tests.integration.catalog.images.pictures import Pictures

PASSWORD = "not a secret"


@pytest.fixture
async def dsn(database_url: str) -> str:
    """The catalog's own login to its migrated schema."""
    await provision(database_url, service=SERVICE, password=PASSWORD)
    directory = resources.files("picstore_catalog") / "migrations"
    await migrate(database_url, service=SERVICE, directory=directory)
    return login_dsn(database_url, service=SERVICE, password=PASSWORD)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    settings = PostgresSettings(dsn=SecretStr(dsn), pool_min=1, pool_max=10, connection_wait_s=30)
    async with Database(settings, schema=SERVICE, application_name="tests") as database:
        yield database


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database)


@pytest.fixture
async def team(catalog: Catalog) -> Team:
    return await catalog.add_team()


@pytest.fixture
def make_commit(team: Team) -> MakeCommit:
    """Builds the commit of a 1,200 x 800 JPEG, to an object of its own."""
    tokens = map(str, itertools.count())

    def make(*, upload_profile: str, content: bytes = b"a photo", **fields: Any) -> Commit:
        image_id = fields.pop("image_id", None) or new_id(ImageId)
        filename = fields.pop("filename", "photo.jpg")
        original = Original(
            location_id=team.location_id,
            object_key=f"blog/originals/{image_id}/1-{next(tokens)}/{filename}",
            format=SourceFormat.JPEG,
            width=fields.pop("width", 1200),
            height=fields.pop("height", 800),
            frames=1,
            has_alpha=False,
            has_gps=True,
            trailing_bytes=fields.pop("trailing_bytes", 0),
            size_bytes=len(content),
            sha256=hashlib.sha256(content).digest(),
        )
        return Commit(
            upload_id=fields.pop("upload_id", None) or new_id(UploadId),
            image_id=image_id,
            generation=fields.pop("generation", 1),
            upload=UploadRequest(
                project_id=team.project_id,
                upload_profile=upload_profile,
                filename=filename,
                location="2026",
            ),
            alt_text=fields.pop("alt_text", ""),
            on_duplicate=fields.pop("on_duplicate", OnDuplicate.RETURN_EXISTING),
            original=original,
        )

    return make


@pytest.fixture
async def committed(catalog: Catalog, team: Team, make_commit: MakeCommit) -> Image:
    """A picture with four cheap outputs in one job."""
    profile = await catalog.add_profile(team, CHEAP, name="cheap")
    return await catalog.commit(team, make_commit(upload_profile=profile))


@pytest.fixture
async def pictures(catalog: Catalog, team: Team, make_commit: MakeCommit) -> Pictures:
    profile = await catalog.add_profile(team, CHEAP, name="cheap")
    return Pictures(catalog, team, make_commit, profile)
