"""Objects to keep in a catalog, and whoever may do everything with them."""

from __future__ import annotations

from picstore_catalog.model.bootstrap import (
    ConversionProfileEntry,
    Document,
    LocationEntry,
    ProjectEntry,
    UploadProfileEntry,
)
from picstore_catalog.model.permission import Permission
from picstore_catalog.model.project import Project
from picstore_catalog.model.storage_location import GivenBucket
from picstore_imaging.formats import Format
from picstore_imaging.profile import Profile
from picstore_imaging.rules import FormatRule, SizeRule
from picstore_kit.ids import ProjectId, TeamId, new_id
from picstore_kit.pg.access import Access

PROFILE = Profile(
    formats=(FormatRule(format=Format.WEBP), FormatRule(format=Format.JPEG)),
    sizes=(SizeRule(width=400), SizeRule(width=800)),
)


def access_to(team_id: TeamId, permission: Permission = Permission.PROJECT_WRITE) -> Access:
    return Access.unlimited(team_id, permission, caller="tests")


def project(short_name: str = "blog") -> Project:
    return Project(
        id=new_id(ProjectId),
        short_name=short_name,
        display_name="",
        base_path=short_name,
        max_bytes=0,
        max_pixels=0,
    )


def document() -> Document:
    """A project with all that an upload needs."""
    return Document(
        projects=(
            ProjectEntry(
                id=None,
                short_name="blog",
                display_name="",
                base_path="",
                max_bytes=0,
                max_pixels=0,
            ),
        ),
        storage_locations=(
            LocationEntry(
                id=None,
                project="",
                short_name="store",
                display_name="",
                provider=GivenBucket(
                    endpoint="https://s3.example.com",
                    region="",
                    bucket="pictures",
                    prefix="",
                    access_key_id="key",
                    secret_access_key="secret",
                ),
                public_base_url="",
                cache_control="",
            ),
        ),
        conversion_profiles=(
            ConversionProfileEntry(
                id=None, project="", short_name="web", display_name="", profile=PROFILE
            ),
        ),
        upload_profiles=(
            UploadProfileEntry(
                id=None,
                project="blog",
                short_name="photos",
                display_name="",
                originals_location="store",
                originals_path="",
                outputs_location="store",
                outputs_path="",
                conversion_profile="web",
            ),
        ),
    )
