"""Every repository of the catalog without its conditions on the team: the wall alone holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import pytest
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_catalog.model.image import Image, Placeholder
from picstore_catalog.model.image_list import ImageFilter, ImageOrder
from picstore_catalog.model.job import Job
from picstore_catalog.model.permission import Permission
from picstore_catalog.repo import (
    conversion_profile,
    image,
    image_list,
    image_lookup,
    image_references,
    job,
    locked_image,
    original,
    output,
    overlay_template,
    project,
    storage_location,
    upload_profile,
    work,
)
from picstore_kit.errors import NotFound, PermissionDenied
from picstore_kit.ids import (
    ConversionProfileId,
    JobId,
    LocationId,
    OverlayTemplateId,
    ProjectId,
    TeamId,
    UploadId,
    UploadProfileId,
    new_id,
)
from picstore_kit.pg.access import Access
from picstore_kit.pg.database import Database
from picstore_kit.usage import Usage
from tests.integration.catalog.images.catalog import CARD, Catalog, Team
from tests.integration.rls.forgetful import behind_the_wall, found, without_the_wall


@dataclass(frozen=True, kw_only=True)
class Victim:
    """What a team has of everything."""

    project_id: ProjectId
    location_id: LocationId
    conversion_profile_id: ConversionProfileId
    upload_profile_id: UploadProfileId
    overlay_template_id: OverlayTemplateId
    image: Image
    job_id: JobId
    drawing: Job
    """A job that draws a picture."""
    upload_id: UploadId
    object_key: str
    sha256: bytes


async def used(usages: Awaitable[Sequence[Usage]]) -> int:
    """How often something is used."""
    return sum(usage.count for usage in await usages)


Look: TypeAlias = Callable[[AsyncConnection[TupleRow], Access, Victim], Awaitable[object]]

LOOKS: Final[dict[str, Look]] = {
    "project.fetch": lambda conn, me, it: project.fetch(conn, me, it.project_id),
    "project.find_all": lambda conn, me, _: project.find_all(
        conn, me, short_name="", after=None, limit=10
    ),
    "project.find_by_short_names": lambda conn, me, _: project.find_by_short_names(
        conn, me, ["blog"]
    ),
    "project.find_usages": lambda conn, me, it: used(project.find_usages(conn, me, it.project_id)),
    "storage_location.fetch": lambda conn, me, it: storage_location.fetch(conn, me, it.location_id),
    "storage_location.find_all": lambda conn, me, _: storage_location.find_all(
        conn, me, short_name="", after=None, limit=10
    ),
    "storage_location.find_by_ids": lambda conn, _, it: storage_location.find_by_ids(
        conn, [it.location_id]
    ),
    "conversion_profile.fetch": lambda conn, me, it: conversion_profile.fetch(
        conn, me, it.conversion_profile_id
    ),
    "conversion_profile.find_all": lambda conn, me, _: conversion_profile.find_all(
        conn, me, short_name="", after=None, limit=10
    ),
    "conversion_profile.find_revisions": lambda conn, me, it: conversion_profile.find_revisions(
        conn, me, it.conversion_profile_id, before=None, limit=10
    ),
    "upload_profile.fetch": lambda conn, me, it: upload_profile.fetch(
        conn, me, it.upload_profile_id
    ),
    "upload_profile.find_all": lambda conn, me, it: upload_profile.find_all(
        conn, me, project_id=it.project_id, short_name="", after=None, limit=10
    ),
    "upload_profile.find_by_projects": lambda conn, me, it: upload_profile.find_by_projects(
        conn, me, [it.project_id]
    ),
    "image_references.find_upload_profiles": (
        lambda conn, me, it: image_references.find_upload_profiles(conn, me, None, "cheap")
    ),
    "overlay_template.fetch": lambda conn, me, it: overlay_template.fetch(
        conn, me, it.overlay_template_id
    ),
    "overlay_template.fetch_for": lambda conn, me, it: overlay_template.fetch_for(
        conn, me, it.project_id, "card"
    ),
    "overlay_template.find_all": lambda conn, me, _: overlay_template.find_all(
        conn, me, short_name="", after=None, limit=10
    ),
    "overlay_template.find_revisions": lambda conn, me, it: overlay_template.find_revisions(
        conn, me, it.overlay_template_id, before=None, limit=10
    ),
    "work.begin_drawing": lambda conn, _, it: work.begin_drawing(conn, it.drawing),
    "image.fetch": lambda conn, me, it: image.fetch(conn, me, it.image.id),
    "image_list.find": lambda conn, me, it: image_list.find(
        conn,
        me,
        it.project_id,
        ImageFilter(),
        upload_profile_id=None,
        order=ImageOrder(),
        after=None,
        limit=10,
    ),
    "image_lookup.find_in_project": lambda conn, me, it: image_lookup.find_in_project(
        conn, me, it.project_id, [it.sha256], upload_profile_ids=None
    ),
    "image_lookup.find_everywhere": lambda conn, me, it: image_lookup.find_everywhere(
        conn, me, [it.sha256], upload_profile_ids=None
    ),
    "output.of_generation": lambda conn, _, it: output.of_generation(
        conn, it.image.id, it.image.pending_generation
    ),
    "original.find": lambda conn, _, it: original.find(
        conn, it.image.id, it.image.pending_generation
    ),
    "original.find_upload": lambda conn, _, it: original.find_upload(conn, it.upload_id),
    "original.find_object": lambda conn, _, it: original.find_object(
        conn, it.location_id, it.object_key
    ),
    "original.find_duplicate": lambda conn, me, it: original.find_duplicate(
        conn, me.team_id, it.upload_profile_id, it.sha256
    ),
    "locked_image.find": lambda conn, _, it: locked_image.find(conn, it.image.id),
    "output.has_open": lambda conn, _, it: output.has_open(conn, it.job_id),
}
"""Functions that read, with arguments by which they find what the victim has."""


@pytest.fixture
async def victim(catalog: Catalog, team: Team, committed: Image) -> Victim:
    ((job_id, conversion_id, upload_id, object_key, sha256),) = await catalog.rows(
        """
        SELECT j.id, u.conversion_profile_id, i.upload_id, i.original_key, i.sha256
        FROM images i
        JOIN jobs j ON j.image_id = i.id
        JOIN upload_profiles u ON u.id = i.upload_profile_id
        WHERE i.id = %s
        LIMIT 1
        """,
        committed.id,
    )
    template_id = await catalog.add_overlay_template(team, CARD, name="card")
    derived = await catalog.derive(team, committed.id, "card")
    claim = await catalog.claim((await catalog.job_ids(derived.id))["fast"])
    return Victim(
        project_id=team.project_id,
        location_id=team.location_id,
        conversion_profile_id=ConversionProfileId(conversion_id),
        upload_profile_id=UploadProfileId(committed.upload_profile_id),
        image=committed,
        job_id=JobId(job_id),
        upload_id=UploadId(upload_id),
        object_key=object_key,
        sha256=sha256,
        overlay_template_id=template_id,
        drawing=claim.job,
    )


@pytest.fixture
def stranger() -> Access:
    """Somebody who may do everything, in a team of their own that has nothing yet."""
    return Access.unlimited(new_id(TeamId), Permission.IMAGE_READ, caller="tests")


async def finding(conn: AsyncConnection[TupleRow], me: Access, victim: Victim) -> set[str]:
    """Name the functions that find something of the victim."""
    return {name for name, look in LOOKS.items() if await found(look(conn, me, victim))}


async def test_repository_functions_without_their_conditions_find_nothing_of_another_team(
    database: Database, victim: Victim, stranger: Access
) -> None:
    async with behind_the_wall(database, stranger.team_id) as conn:
        assert await finding(conn, stranger, victim) == set()
    async with without_the_wall(database) as conn:  # so it is the wall that held
        assert await finding(conn, stranger, victim) == set(LOOKS)


async def test_writes_without_their_conditions_touch_no_other_team(
    database: Database, catalog: Catalog, victim: Victim, stranger: Access
) -> None:
    async def everything() -> list[tuple[object, ...]]:
        return await catalog.rows(
            """
            SELECT to_jsonb(p), to_jsonb(l), to_jsonb(c), to_jsonb(u), to_jsonb(j), to_jsonb(o),
                   to_jsonb(g), to_jsonb(i), to_jsonb(t)
            FROM projects p, storage_locations l, conversion_profiles c, upload_profiles u,
                 jobs j, outputs o, originals g, images i, overlay_templates t
            ORDER BY o.id, j.id, i.id
            """
        )

    before = await everything()
    async with behind_the_wall(database, stranger.team_id) as conn:
        await output.requeue(conn, victim.job_id)
        await output.begin(conn, victim.job_id)
        await image.begin_generation(conn, victim.image.id, 2, alt_text="mine")
        await image.show_original(conn, victim.image.id, 1)
        await image.delete_announced(conn, victim.image.id)
        placeholder = Placeholder(thumbhash=b"mine", dominant_colour="#000000")
        await original.set_placeholder(conn, victim.image.id, 1, placeholder)
        await job.close_stale(conn, victim.image.id)
        with pytest.raises(NotFound):
            await work.begin_drawing(conn, victim.drawing)
        await output.skip_replaced(conn, [victim.job_id])
        for deleting in (
            project.delete(conn, stranger, victim.project_id),
            storage_location.delete(conn, stranger, victim.location_id),
            conversion_profile.delete(conn, stranger, victim.conversion_profile_id),
            upload_profile.delete(conn, stranger, victim.upload_profile_id),
            overlay_template.delete(conn, stranger, victim.overlay_template_id),
        ):
            with pytest.raises(PermissionDenied):  # no row was there to delete
                await deleting
    assert await everything() == before
