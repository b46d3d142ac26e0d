"""Conversion profiles on the wire."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1 import conversion_profile_pb2
from picstore_catalog.mapping.conversion import (
    COLOUR_POLICY_NUMBERS,
    GAIN_MAP_POLICY_NUMBERS,
    METADATA_POLICY_NUMBERS,
    format_messages,
    format_rules,
    read_colour_policy,
    read_gain_map_policy,
    read_metadata_policy,
    size_messages,
    size_rules,
)
from picstore_catalog.mapping.field_mask import read_mask
from picstore_catalog.mapping.timestamps import timestamp
from picstore_catalog.model.conversion_profile import (
    DEFAULT_BACKGROUND,
    ConversionProfile,
    ConversionProfileRevision,
)
from picstore_catalog.model.names import display_name_fault, short_name_fault
from picstore_catalog.model.stored import Stored
from picstore_imaging.profile import Profile, validate
from picstore_kit.errors import InvalidFields
from picstore_kit.ids import ConversionProfileId, ProjectId
from picstore_kit.violations import Violations, all_at_once

CHANGEABLE: Final = frozenset(
    {
        "display_name",
        "formats",
        "sizes",
        "background",
        "metadata",
        "keep_gps",
        "colour",
        "skip_if_larger_percent",
        "gain_map",
    }
)
"""What `UpdateConversionProfile` can change."""

_PATH: Final = "conversion_profile"
_NOTHING: Final = Profile(formats=(), sizes=())


def new_conversion_profile(
    message: conversion_profile_pb2.ConversionProfile,
    profile_id: ConversionProfileId,
    project_id: ProjectId | None,
    violations: Violations,
    path: str,
) -> ConversionProfile:
    """Read a profile that is to be made; `path` is where it stands in the request."""
    violations.add(f"{path}.short_name", short_name_fault(message.short_name))
    violations.add(f"{path}.display_name", display_name_fault(message.display_name))
    return ConversionProfile(
        id=profile_id,
        project_id=project_id,
        short_name=message.short_name,
        display_name=message.display_name,
        revision=1,
        profile=read_profile(message, violations, path),
    )


def conversion_profile_change(
    message: conversion_profile_pb2.ConversionProfile, mask: FieldMask, violations: Violations
) -> Callable[[ConversionProfile], ConversionProfile]:
    """Read what an `UpdateConversionProfileRequest` changes.

    Whether a new value is right depends on those that stay, so the change itself raises
    `InvalidFields`.
    """
    fields = read_mask(mask, message, violations, changeable=CHANGEABLE)

    def changed(profile: ConversionProfile) -> ConversionProfile:
        with all_at_once() as violations:
            wanted = replace(
                profile,
                display_name=(
                    message.display_name if "display_name" in fields else profile.display_name
                ),
                profile=read_profile(message, violations, _PATH, fields, profile.profile),
            )
            violations.add(f"{_PATH}.display_name", display_name_fault(wanted.display_name))
        return wanted

    return changed


def read_profile(
    message: conversion_profile_pb2.ConversionProfile,
    violations: Violations,
    path: str,
    fields: AbstractSet[str] = CHANGEABLE,
    other: Profile = _NOTHING,
) -> Profile:
    """Read what to make, taking from `other` what is not in `fields`, and check the whole."""
    profile = Profile(
        formats=(
            format_rules(message.formats, violations, f"{path}.formats")
            if "formats" in fields
            else other.formats
        ),
        sizes=(
            size_rules(message.sizes, violations, f"{path}.sizes")
            if "sizes" in fields
            else other.sizes
        ),
        background=(
            message.background.lower() or DEFAULT_BACKGROUND
            if "background" in fields
            else other.background
        ),
        metadata=(
            read_metadata_policy(message.metadata, violations, f"{path}.metadata")
            if "metadata" in fields
            else other.metadata
        ),
        keep_gps=message.keep_gps if "keep_gps" in fields else other.keep_gps,
        colour=(
            read_colour_policy(message.colour, violations, f"{path}.colour")
            if "colour" in fields
            else other.colour
        ),
        skip_if_larger_percent=_percent(message)
        if "skip_if_larger_percent" in fields
        else other.skip_if_larger_percent,
        gain_map=(
            read_gain_map_policy(message.gain_map, violations, f"{path}.gain_map")
            if "gain_map" in fields
            else other.gain_map
        ),
    )
    try:
        validate(profile)
    except InvalidFields as error:
        violations.extend(path, error)
    return profile


def _percent(message: conversion_profile_pb2.ConversionProfile) -> int | None:
    given = message.HasField("skip_if_larger_percent")
    return message.skip_if_larger_percent if given else None


def conversion_profile_message(
    stored: Stored[ConversionProfile],
) -> conversion_profile_pb2.ConversionProfile:
    """Return a profile as callers see it."""
    profile = stored.value
    return conversion_profile_pb2.ConversionProfile(
        id=profile.id,
        project_id=profile.project_id or "",
        short_name=profile.short_name,
        display_name=profile.display_name,
        revision=profile.revision,
        formats=format_messages(profile.profile.formats),
        sizes=size_messages(profile.profile.sizes),
        background=profile.profile.background,
        metadata=METADATA_POLICY_NUMBERS[profile.profile.metadata],
        keep_gps=profile.profile.keep_gps,
        colour=COLOUR_POLICY_NUMBERS[profile.profile.colour],
        skip_if_larger_percent=profile.profile.skip_if_larger_percent,
        gain_map=GAIN_MAP_POLICY_NUMBERS[profile.profile.gain_map],
        etag=stored.etag,
        create_time=timestamp(stored.created_at),
        update_time=timestamp(stored.updated_at),
    )


def revision_message(
    revision: ConversionProfileRevision,
) -> conversion_profile_pb2.ConversionProfileRevision:
    """Return a revision as callers see it."""
    return conversion_profile_pb2.ConversionProfileRevision(
        revision=revision.revision,
        formats=format_messages(revision.profile.formats),
        sizes=size_messages(revision.profile.sizes),
        background=revision.profile.background,
        metadata=METADATA_POLICY_NUMBERS[revision.profile.metadata],
        keep_gps=revision.profile.keep_gps,
        colour=COLOUR_POLICY_NUMBERS[revision.profile.colour],
        skip_if_larger_percent=revision.profile.skip_if_larger_percent,
        gain_map=GAIN_MAP_POLICY_NUMBERS[revision.profile.gain_map],
        creator=revision.creator,
        create_time=timestamp(revision.created_at),
    )
