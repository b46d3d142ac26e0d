"""A team that has one of everything, and ways to add more."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta

from picstore_catalog.model.conversion_profile import ConversionProfile
from picstore_catalog.model.image import Original
from picstore_catalog.model.overlay_template import OverlayTemplate
from picstore_catalog.model.upload import Commit, UploadRequest
from picstore_catalog.model.upload_profile import UploadProfile
from picstore_catalog.repo import conversion_profile as conversion_profiles
from picstore_catalog.repo import overlay_template as overlay_templates
from picstore_catalog.repo import project as projects
from picstore_catalog.repo import upload_profile as upload_profiles
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_catalog.usecases.bootstrap import apply_bootstrap
from picstore_catalog.usecases.commit_image import commit_image
from picstore_catalog.usecases.locations import LocationSecrets
from picstore_imaging.formats import SourceFormat
from picstore_imaging.overlay.template import FillLayer, Layer, Overlay
from picstore_kit.ids import (
    ConversionProfileId,
    ImageId,
    LocationId,
    OverlayTemplateId,
    ProjectId,
    TeamId,
    UploadId,
    UploadProfileId,
    new_id,
)
from picstore_kit.pg.access import Access
from tests.integration.catalog.projects.objects import PROFILE, access_to, document, project


@dataclass(frozen=True, kw_only=True)
class Team:
    """A team that has one of everything."""

    work: UnitOfWork
    id: TeamId
    access: Access
    project_id: ProjectId
    location_id: LocationId
    conversion_profile_id: ConversionProfileId
    upload_profile_id: UploadProfileId

    @classmethod
    async def set_up(cls, work: UnitOfWork, secrets: LocationSecrets) -> Team:
        team_id = new_id(TeamId)
        access = access_to(team_id)
        async with work.begin(team_id) as transaction:
            outcome = await apply_bootstrap(transaction, access, document(), secrets)
            upload_profile_id = outcome.upload_profile_ids["blog/photos"]
            kept = await upload_profiles.fetch(transaction, access, upload_profile_id)
        return cls(
            work=work,
            id=team_id,
            access=access,
            project_id=kept.value.project_id,
            location_id=kept.value.originals_location_id,
            conversion_profile_id=kept.value.conversion_profile_id,
            upload_profile_id=kept.value.id,
        )

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        return self.work.begin(self.id)

    async def add_project(self, short_name: str) -> ProjectId:
        async with self.begin() as transaction:
            made = await projects.insert(transaction, self.access, project(short_name))
        return made.value.id

    async def add_conversion_profile(
        self, short_name: str, *, project_id: ProjectId | None = None
    ) -> ConversionProfileId:
        wanted = ConversionProfile(
            id=new_id(ConversionProfileId),
            project_id=project_id,
            short_name=short_name,
            display_name="",
            revision=1,
            profile=PROFILE,
        )
        async with self.begin() as transaction:
            await conversion_profiles.insert(transaction, self.access, wanted)
        return wanted.id

    async def add_overlay_template(
        self, short_name: str, *, project_id: ProjectId | None = None
    ) -> OverlayTemplateId:
        wanted = OverlayTemplate(
            id=new_id(OverlayTemplateId),
            project_id=project_id,
            short_name=short_name,
            display_name="",
            revision=1,
            overlay=Overlay(layers=(Layer(fill=FillLayer(colour="#000000")),)),
        )
        async with self.begin() as transaction:
            await overlay_templates.insert(transaction, self.access, wanted)
        return wanted.id

    def upload_profile(
        self,
        short_name: str,
        *,
        project_id: ProjectId | None = None,
        conversion_profile_id: ConversionProfileId | None = None,
    ) -> UploadProfile:
        return UploadProfile(
            id=new_id(UploadProfileId),
            project_id=project_id or self.project_id,
            short_name=short_name,
            display_name="",
            originals_location_id=self.location_id,
            originals_path="",
            outputs_location_id=self.location_id,
            outputs_path="",
            conversion_profile_id=conversion_profile_id or self.conversion_profile_id,
        )

    async def change_profile(self, change: Callable[[UploadProfile], UploadProfile]) -> None:
        async with self.begin() as transaction:
            seen = await upload_profiles.fetch(transaction, self.access, self.upload_profile_id)
            await upload_profiles.update(transaction, self.access, seen, change(seen.value))

    async def commit_picture(self) -> ImageId:
        """Take in a picture by the upload profile."""
        image_id = new_id(ImageId)
        commit = Commit(
            upload_id=new_id(UploadId),
            image_id=image_id,
            generation=1,
            upload=UploadRequest(
                project_id=self.project_id,
                upload_profile=self.upload_profile_id,
                filename="photo.jpg",
                location="",
            ),
            alt_text="",
            original=Original(
                location_id=self.location_id,
                object_key=f"blog/{image_id}/1/photo.jpg",
                format=SourceFormat.JPEG,
                width=1200,
                height=800,
                frames=1,
                has_alpha=False,
                has_gps=False,
                trailing_bytes=0,
                size_bytes=1000,
                sha256=hashlib.sha256(image_id.encode()).digest(),
            ),
        )
        async with self.begin() as transaction:
            await commit_image(transaction, self.access, commit, grace=timedelta(seconds=30))
        return image_id
