"""What an upload service and converters do to the catalog, and the team that it is for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeAlias

from psycopg.types.json import Jsonb

from picstore_catalog.model.conversion_profile import (
    formats_to_json,
    policies_to_json,
    sizes_to_json,
)
from picstore_catalog.model.derived import DeriveRequest
from picstore_catalog.model.image import Image
from picstore_catalog.model.job import Failure
from picstore_catalog.model.output import StoredFile, Useless
from picstore_catalog.model.overlay_template import OverlayTemplate
from picstore_catalog.model.permission import Permission
from picstore_catalog.model.upload import Commit, Committed
from picstore_catalog.model.work import Claim, WantedOutput
from picstore_catalog.repo import image as images
from picstore_catalog.repo import output as outputs
from picstore_catalog.repo import overlay_template as overlay_templates
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases import jobs as job_cases
from picstore_catalog.usecases.commit_image import commit_image
from picstore_catalog.usecases.complete_output import Completion, complete_output
from picstore_catalog.usecases.derive import derive_image
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.overlay.template import Canvas, FillLayer, Layer, Overlay
from picstore_imaging.profile import Profile
from picstore_imaging.rules import FormatRule, SizeRule
from picstore_kit.ids import (
    ConversionProfileId,
    ImageId,
    JobId,
    LocationId,
    OutputId,
    OverlayTemplateId,
    ProjectId,
    TeamId,
    UploadProfileId,
    new_id,
)
from picstore_kit.pg.access import Access
from picstore_kit.pg.database import Database

SERVICE = "catalog"
GRACE = timedelta(seconds=30)

CHEAP = Profile(
    formats=(FormatRule(format=Format.WEBP), FormatRule(format=Format.JPEG)),
    sizes=(SizeRule(width=400), SizeRule(width=800)),
)
DEAR_TOO = Profile(
    formats=(FormatRule(format=Format.AVIF, effort=9), FormatRule(format=Format.JPEG)),
    sizes=(SizeRule(width=900), SizeRule(width=1100)),
)
NOTHING = replace(
    CHEAP,
    formats=(FormatRule(format=Format.WEBP, only_from=frozenset({SourceFormat.PNG})),),
)

CARD = Overlay(
    canvas=Canvas(width=600, height=300), layers=(Layer(fill=FillLayer(colour="#000000")),)
)

MakeCommit: TypeAlias = Callable[..., Commit]


@dataclass(frozen=True, kw_only=True)
class Team:
    """A team with one project, and everything that an upload needs."""

    id: TeamId = field(default_factory=lambda: new_id(TeamId))
    project_id: ProjectId = field(default_factory=lambda: new_id(ProjectId))
    location_id: LocationId = field(default_factory=lambda: new_id(LocationId))

    def access(self, permission: Permission = Permission.IMAGE_CREATE) -> Access:
        return Access.unlimited(self.id, permission, caller="tests")


class Catalog:
    """The use-cases under test, each call in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self.uow = UnitOfWork(database)

    async def add_team(self) -> Team:
        team = Team()
        async with self.uow.begin(team.id) as conn:
            await conn.execute(
                "INSERT INTO projects (team_id, id, short_name, base_path)"
                " VALUES (%s, %s, 'blog', 'blog')",
                (team.id, team.project_id),
            )
            await conn.execute(
                "INSERT INTO storage_locations (team_id, id, short_name, provider,"
                " local_directory, public_base_url)"
                " VALUES (%s, %s, 'files', 'local', '/srv/files', 'https://img.example.com')",
                (team.id, team.location_id),
            )
        return team

    async def add_profile(self, team: Team, profile: Profile, *, name: str) -> UploadProfileId:
        conversion_id, upload_id = new_id(ConversionProfileId), new_id(UploadProfileId)
        async with self.uow.begin(team.id) as conn:
            await conn.execute(
                """
                WITH revision AS (
                    INSERT INTO conversion_profile_revisions
                        (team_id, conversion_profile_id, revision, formats, sizes, background,
                         policies)
                    VALUES (%(team)s, %(conversion)s, 1, %(formats)s, %(sizes)s, '#ffffff',
                            %(policies)s)
                )
                INSERT INTO conversion_profiles (team_id, id, short_name)
                VALUES (%(team)s, %(conversion)s, %(name)s)
                """,
                {
                    "team": team.id,
                    "conversion": conversion_id,
                    "name": name,
                    "formats": Jsonb(formats_to_json(profile.formats)),
                    "sizes": Jsonb(sizes_to_json(profile.sizes)),
                    "policies": Jsonb(policies_to_json(profile)),
                },
            )
            await conn.execute(
                "INSERT INTO upload_profiles (team_id, id, project_id, short_name,"
                " originals_location_id, originals_path, outputs_location_id, outputs_path,"
                " conversion_profile_id) VALUES (%s, %s, %s, %s, %s, 'originals', %s, 'web', %s)",
                (
                    team.id,
                    upload_id,
                    team.project_id,
                    name,
                    team.location_id,
                    team.location_id,
                    conversion_id,
                ),
            )
        return upload_id

    async def add_overlay_template(
        self, team: Team, overlay: Overlay, *, name: str
    ) -> OverlayTemplateId:
        template = OverlayTemplate(
            id=new_id(OverlayTemplateId),
            project_id=None,
            short_name=name,
            display_name="",
            revision=1,
            overlay=overlay,
        )
        access = team.access(Permission.OVERLAY_TEMPLATE_WRITE)
        async with self.uow.begin(team.id) as conn:
            await overlay_templates.insert(conn, access, template)
        return template.id

    async def derive(self, team: Team, base_id: ImageId, template: str) -> Image:
        request = DeriveRequest(
            base_id=base_id,
            template=template,
            variables={},
            upload_profile="",
            filename="",
            alt_text="",
            tags=(),
        )
        reading = team.access(Permission.IMAGE_READ)
        async with self.uow.begin(team.id) as conn:
            made = await derive_image(conn, team.access(), reading, request, grace=GRACE)
        return made.value

    async def commit(self, team: Team, commit: Commit) -> Image:
        return (await self.try_commit(team, commit)).image.value

    async def try_commit(self, team: Team, commit: Commit) -> Committed:
        async with self.uow.begin(team.id) as conn:
            return await commit_image(conn, team.access(), commit, grace=GRACE)

    async def claim(self, job_id: JobId, *, worker: str = "converter-1") -> Claim:
        async with self.uow.begin_for_all_teams() as conn:
            return await job_cases.claim_job(conn, job_id=job_id, worker=worker)

    async def complete(
        self, claim: Claim, output: OutputId, result: StoredFile | Failure | Useless
    ) -> Completion:
        async with self.uow.begin_for_all_teams() as conn:
            return await complete_output(
                conn,
                job_id=claim.job.id,
                attempt=claim.job.attempt,
                output_id=output,
                result=result,
            )

    async def fail(self, claim: Claim, failure: Failure, *, retryable: bool = True) -> Any:
        async with self.uow.begin_for_all_teams() as conn:
            return await job_cases.fail_job(
                conn,
                job_id=claim.job.id,
                attempt=claim.job.attempt,
                failure=failure,
                retryable=retryable,
                jitter=0.5,
            )

    async def image(self, team: Team, image_id: ImageId) -> Image:
        async with self.uow.begin(team.id) as conn:
            access = team.access(Permission.IMAGE_READ)
            found = (await images.fetch(conn, access, image_id)).value
            generation = found.generation or found.pending_generation
            made = await outputs.of_generation(conn, image_id, generation)
        return replace(found, outputs=tuple(made))

    async def job_ids(self, image_id: ImageId, *, generation: int = 1) -> dict[str, JobId]:
        """The jobs of a generation of a picture by their lane."""
        return {
            lane: JobId(job_id)
            for lane, job_id in await self.rows(
                "SELECT lane, id FROM jobs WHERE image_id = %s AND generation = %s",
                image_id,
                generation,
            )
        }

    async def outbox(self) -> list[str]:
        """The subjects that were told of, in order."""
        return [subject for (subject,) in await self.rows("SELECT subject FROM outbox ORDER BY id")]

    async def rows(self, statement: Any, *parameters: object) -> list[tuple[Any, ...]]:
        async with self.uow.begin_for_all_teams() as conn:
            cursor = await conn.execute(statement, parameters)
            return await cursor.fetchall()

    async def execute(self, statement: Any, *parameters: object) -> None:
        async with self.uow.begin_for_all_teams() as conn:
            await conn.execute(statement, parameters)


async def make_all(
    catalog: Catalog, image_id: ImageId, *, generation: int = 1, lane: str = "fast"
) -> None:
    """Do what a converter does with a job."""
    claim = await catalog.claim((await catalog.job_ids(image_id, generation=generation))[lane])
    for wanted in claim.outputs:
        await catalog.complete(claim, wanted.id, stored_file(claim, wanted))


def stored_file(claim: Claim, wanted: WantedOutput) -> StoredFile:
    """What a converter reports of an output."""
    digest = hashlib.sha256(wanted.id.encode())
    spec = wanted.spec
    name = f"{spec.width}x{spec.height}-{digest.hexdigest()[:10]}.{spec.format.extension}"
    return StoredFile(
        object_key=f"{claim.job.output_key_prefix}/{name}",
        width=spec.width,
        height=spec.height,
        size_bytes=1000,
        sha256=digest.digest(),
        encode_cpu_ms=12,
    )
