"""Upload profiles on the wire."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from picstore.catalog.v1 import upload_profile_pb2
from picstore_catalog.mapping.timestamps import timestamp
from picstore_catalog.model.names import (
    display_name_fault,
    normalised_path,
    path_fault,
    short_name_fault,
)
from picstore_catalog.model.stored import Stored
from picstore_catalog.model.upload_profile import UploadProfile
from picstore_kit.ids import ConversionProfileId, LocationId, ProjectId, UploadProfileId
from picstore_kit.violations import Violations, all_at_once

CHANGEABLE: Final = frozenset(
    {
        "display_name",
        "originals_location_id",
        "originals_path",
        "outputs_location_id",
        "outputs_path",
        "conversion_profile_id",
    }
)
"""What `UpdateUploadProfile` can change."""

_PATH: Final = "upload_profile"


def new_upload_profile(
    message: upload_profile_pb2.UploadProfile, profile_id: UploadProfileId
) -> UploadProfile:
    """Read the message of a `CreateUploadProfileRequest`.

    Raises:
        InvalidFields: Something in it is wrong.
    """
    with all_at_once() as violations:
        violations.add(f"{_PATH}.short_name", short_name_fault(message.short_name))
        blank = UploadProfile(
            id=profile_id,
            project_id=violations.id(ProjectId, message.project_id, f"{_PATH}.project_id"),
            short_name=message.short_name,
            display_name="",
            originals_location_id=LocationId(""),
            originals_path="",
            outputs_location_id=LocationId(""),
            outputs_path="",
            conversion_profile_id=ConversionProfileId(""),
        )
        profile = _with(blank, message, CHANGEABLE, violations)
    return profile


def changed_upload_profile(
    profile: UploadProfile, message: upload_profile_pb2.UploadProfile, fields: AbstractSet[str]
) -> UploadProfile:
    """Take the named fields from the message of an `UpdateUploadProfileRequest`.

    Raises:
        InvalidFields: A new value is wrong.
    """
    with all_at_once() as violations:
        changed = _with(profile, message, fields, violations)
    return changed


def upload_profile_message(stored: Stored[UploadProfile]) -> upload_profile_pb2.UploadProfile:
    """Return an upload profile as callers see it."""
    profile = stored.value
    return upload_profile_pb2.UploadProfile(
        id=profile.id,
        project_id=profile.project_id,
        short_name=profile.short_name,
        display_name=profile.display_name,
        originals_location_id=profile.originals_location_id,
        originals_path=profile.originals_path,
        outputs_location_id=profile.outputs_location_id,
        outputs_path=profile.outputs_path,
        conversion_profile_id=profile.conversion_profile_id,
        etag=stored.etag,
        create_time=timestamp(stored.created_at),
        update_time=timestamp(stored.updated_at),
    )


def _with(
    profile: UploadProfile,
    message: upload_profile_pb2.UploadProfile,
    fields: AbstractSet[str],
    violations: Violations,
) -> UploadProfile:
    if "display_name" in fields:
        violations.add(f"{_PATH}.display_name", display_name_fault(message.display_name))
        profile = replace(profile, display_name=message.display_name)
    if "originals_location_id" in fields:
        field = f"{_PATH}.originals_location_id"
        originals = violations.id(LocationId, message.originals_location_id, field)
        profile = replace(profile, originals_location_id=originals)
    if "originals_path" in fields:
        path = normalised_path(message.originals_path)
        violations.add(f"{_PATH}.originals_path", path_fault(path))
        profile = replace(profile, originals_path=path)
    if "outputs_location_id" in fields:
        field = f"{_PATH}.outputs_location_id"
        outputs = violations.id(LocationId, message.outputs_location_id, field)
        profile = replace(profile, outputs_location_id=outputs)
    if "outputs_path" in fields:
        path = normalised_path(message.outputs_path)
        violations.add(f"{_PATH}.outputs_path", path_fault(path))
        profile = replace(profile, outputs_path=path)
    if "conversion_profile_id" in fields:
        field = f"{_PATH}.conversion_profile_id"
        conversion = violations.id(ConversionProfileId, message.conversion_profile_id, field)
        profile = replace(profile, conversion_profile_id=conversion)
    return profile
