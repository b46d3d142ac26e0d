"""Upload profiles on the wire."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, Final

from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1 import upload_profile_pb2
from picstore_catalog.mapping.field_mask import read_mask
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
        profile = UploadProfile(
            id=profile_id,
            project_id=violations.id(ProjectId, message.project_id, f"{_PATH}.project_id"),
            short_name=message.short_name,
            **_values(message, CHANGEABLE, violations),
        )
    return profile


def upload_profile_change(
    message: upload_profile_pb2.UploadProfile, mask: FieldMask, violations: Violations
) -> Callable[[UploadProfile], UploadProfile]:
    """Read what an `UpdateUploadProfileRequest` changes."""
    fields = read_mask(mask, message, violations, changeable=CHANGEABLE)
    values = _values(message, fields, violations)
    return lambda profile: replace(profile, **values)


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


def _values(
    message: upload_profile_pb2.UploadProfile, fields: AbstractSet[str], violations: Violations
) -> dict[str, Any]:
    """Read the named fields, in the order of the contract."""
    values: dict[str, Any] = {}
    for field in (found.name for found in message.DESCRIPTOR.fields if found.name in fields):
        path, value = f"{_PATH}.{field}", getattr(message, field)
        if field == "display_name":
            violations.add(path, display_name_fault(value))
        elif field == "conversion_profile_id":
            value = violations.id(ConversionProfileId, value, path)
        elif field.endswith("_location_id"):
            value = violations.id(LocationId, value, path)
        else:
            value = normalised_path(value)
            violations.add(path, path_fault(value))
        values[field] = value
    return values
