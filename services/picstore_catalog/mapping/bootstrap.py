"""The operator's document on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from picstore.catalog.v1 import (
    bootstrap_pb2,
    conversion_profile_pb2,
    project_pb2,
    storage_location_pb2,
    upload_profile_pb2,
)
from picstore_catalog.mapping.conversion_profile import read_profile
from picstore_catalog.mapping.storage_location import read_provider, read_public
from picstore_catalog.model.bootstrap import (
    ConversionProfileEntry,
    Document,
    LocationEntry,
    Outcome,
    ProjectEntry,
    UploadProfileEntry,
)
from picstore_catalog.model.names import (
    display_name_fault,
    normalised_path,
    path_fault,
    short_name_fault,
)
from picstore_kit.ids import ConversionProfileId, LocationId, ProjectId, UploadProfileId
from picstore_kit.rpc.changes import change_to_proto
from picstore_kit.violations import Violations, all_at_once


def document(
    request: bootstrap_pb2.ApplyBootstrapRequest, *, local_roots: tuple[PurePosixPath, ...]
) -> Document:
    """Read the document of a request; `local` locations may lie under `local_roots`.

    Raises:
        InvalidFields: Something in it is wrong; all of it is named at once.
    """
    with all_at_once() as violations:
        read = Document(
            projects=tuple(
                _project(message, violations, f"projects[{index}]")
                for index, message in enumerate(request.projects)
            ),
            storage_locations=tuple(
                _location(message, violations, f"storage_locations[{index}]", local_roots)
                for index, message in enumerate(request.storage_locations)
            ),
            conversion_profiles=tuple(
                _conversion_profile(message, violations, f"conversion_profiles[{index}]")
                for index, message in enumerate(request.conversion_profiles)
            ),
            upload_profiles=tuple(
                _upload_profile(message, violations, f"upload_profiles[{index}]")
                for index, message in enumerate(request.upload_profiles)
            ),
        )
        _refuse_repetitions(violations, "projects", (e.short_name for e in read.projects))
        _refuse_repetitions(
            violations, "storage_locations", (e.short_name for e in read.storage_locations)
        )
        _refuse_repetitions(
            violations, "conversion_profiles", (e.short_name for e in read.conversion_profiles)
        )
        _refuse_repetitions(violations, "upload_profiles", (e.name for e in read.upload_profiles))
    return read


def outcome_message(outcome: Outcome) -> bootstrap_pb2.ApplyBootstrapResponse:
    """Return what applying a document did."""
    return bootstrap_pb2.ApplyBootstrapResponse(
        project_ids=outcome.project_ids,
        upload_profile_ids=outcome.upload_profile_ids,
        changes=[change_to_proto(change) for change in outcome.changes],
    )


def _project(message: project_pb2.Project, violations: Violations, path: str) -> ProjectEntry:
    entry = ProjectEntry(
        id=violations.optional_id(ProjectId, message.id, f"{path}.id"),
        short_name=message.short_name,
        display_name=message.display_name,
        base_path=normalised_path(message.base_path),
        max_bytes=message.max_bytes,
        max_pixels=message.max_pixels,
    )
    _check_names(message, violations, path)
    violations.add(f"{path}.base_path", path_fault(entry.base_path))
    for field, limit in (("max_bytes", entry.max_bytes), ("max_pixels", entry.max_pixels)):
        violations.add(f"{path}.{field}", "must not be negative" if limit < 0 else None)
    return entry


def _location(
    message: storage_location_pb2.StorageLocation,
    violations: Violations,
    path: str,
    local_roots: tuple[PurePosixPath, ...],
) -> LocationEntry:
    _check_names(message, violations, path)
    provider = read_provider(message, violations, path, local_roots)
    base_url, cache_control = read_public(message, violations, path)
    return LocationEntry(
        id=violations.optional_id(LocationId, message.id, f"{path}.id"),
        project=message.project_id,
        short_name=message.short_name,
        display_name=message.display_name,
        provider=provider,
        public_base_url=base_url,
        cache_control=cache_control,
    )


def _conversion_profile(
    message: conversion_profile_pb2.ConversionProfile, violations: Violations, path: str
) -> ConversionProfileEntry:
    _check_names(message, violations, path)
    return ConversionProfileEntry(
        id=violations.optional_id(ConversionProfileId, message.id, f"{path}.id"),
        project=message.project_id,
        short_name=message.short_name,
        display_name=message.display_name,
        profile=read_profile(message, violations, path),
    )


def _upload_profile(
    message: upload_profile_pb2.UploadProfile, violations: Violations, path: str
) -> UploadProfileEntry:
    entry = UploadProfileEntry(
        id=violations.optional_id(UploadProfileId, message.id, f"{path}.id"),
        project=message.project_id,
        short_name=message.short_name,
        display_name=message.display_name,
        originals_location=message.originals_location_id,
        originals_path=normalised_path(message.originals_path),
        outputs_location=message.outputs_location_id,
        outputs_path=normalised_path(message.outputs_path),
        conversion_profile=message.conversion_profile_id,
    )
    _check_names(message, violations, path)
    violations.add(f"{path}.originals_path", path_fault(entry.originals_path))
    violations.add(f"{path}.outputs_path", path_fault(entry.outputs_path))
    return entry


def _check_names(
    message: (
        project_pb2.Project
        | storage_location_pb2.StorageLocation
        | conversion_profile_pb2.ConversionProfile
        | upload_profile_pb2.UploadProfile
    ),
    violations: Violations,
    path: str,
) -> None:
    violations.add(f"{path}.short_name", short_name_fault(message.short_name))
    violations.add(f"{path}.display_name", display_name_fault(message.display_name))


def _refuse_repetitions(violations: Violations, path: str, names: Iterable[str]) -> None:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if first.setdefault(name, index) != index:
            violations.add(f"{path}[{index}].short_name", f"is that of {path}[{first[name]}]")
