"""What is there already of all that the operator's document names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from picstore_catalog.model.bootstrap import Document, LocationEntry
from picstore_catalog.model.conversion_profile import ConversionProfile
from picstore_catalog.model.project import Project
from picstore_catalog.model.storage_location import GivenBucket, S3Bucket, StorageLocation
from picstore_catalog.model.stored import Stored
from picstore_catalog.model.upload_profile import UploadProfile
from picstore_catalog.repo import conversion_profile as conversion_profiles
from picstore_catalog.repo import project as projects
from picstore_catalog.repo import storage_location as locations
from picstore_catalog.repo import upload_profile as upload_profiles
from picstore_catalog.uow import Transaction
from picstore_kit.ids import ProjectId
from picstore_kit.pg.access import Access
from picstore_kit.violations import Violations, all_at_once


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """Objects by short name; it grows as a document is applied."""

    projects: dict[str, Stored[Project]]
    locations: dict[str, Stored[StorageLocation]]
    conversion_profiles: dict[str, Stored[ConversionProfile]]
    upload_profiles: dict[str, Stored[UploadProfile]]
    """By `UploadProfileEntry.name`."""

    def project_id(self, short_name: str) -> ProjectId | None:
        """Return the project's id; None for the whole team, which has no name."""
        return self.projects[short_name].value.id if short_name else None

    def names(self) -> dict[str, str]:
        """Return the short names by id of all that upload profiles refer to."""
        return {
            **{stored.value.id: name for name, stored in self.projects.items()},
            **{stored.value.id: name for name, stored in self.locations.items()},
            **{stored.value.id: name for name, stored in self.conversion_profiles.items()},
        }


async def load_existing(transaction: Transaction, access: Access, document: Document) -> Existing:
    """Return what the team has of all that the document names."""
    uploads = document.upload_profiles
    project_names = {
        *(project.short_name for project in document.projects),
        *(location.project for location in document.storage_locations),
        *(profile.project for profile in document.conversion_profiles),
        *(profile.project for profile in uploads),
    }
    location_names = {
        *(location.short_name for location in document.storage_locations),
        *(profile.originals_location for profile in uploads),
        *(profile.outputs_location for profile in uploads),
    }
    conversion_names = {
        *(profile.short_name for profile in document.conversion_profiles),
        *(profile.conversion_profile for profile in uploads),
    }
    found = await projects.find_by_short_names(transaction, access, project_names)
    short_names = {stored.value.id: stored.value.short_name for stored in found}
    return Existing(
        projects={stored.value.short_name: stored for stored in found},
        locations={
            stored.value.short_name: stored
            for stored in await locations.find_by_short_names(transaction, access, location_names)
        },
        conversion_profiles={
            stored.value.short_name: stored
            for stored in await conversion_profiles.find_by_short_names(
                transaction, access, conversion_names
            )
        },
        upload_profiles={
            f"{short_names[stored.value.project_id]}/{stored.value.short_name}": stored
            for stored in await upload_profiles.find_by_projects(
                transaction, access, list(short_names)
            )
        },
    )


def check_document(document: Document, existing: Existing) -> None:
    """Refuse references to nothing, and changes of what cannot change.

    Raises:
        InvalidFields: All that is wrong is named at once.
    """
    with all_at_once() as violations:
        _check_projects(document, existing, violations)
        _check_locations(document, existing, violations)
        _check_conversion_profiles(document, existing, violations)
        _check_upload_profiles(document, existing, violations)


def _check_projects(document: Document, existing: Existing, violations: Violations) -> None:
    for index, entry in enumerate(document.projects):
        stored = existing.projects.get(entry.short_name)
        if stored and entry.base_path not in ("", stored.value.base_path):
            violations.add(
                f"projects[{index}].base_path",
                f"must stay {stored.value.base_path}, with which object keys begin",
            )


def _check_locations(document: Document, existing: Existing, violations: Violations) -> None:
    names = _project_names(document, existing)
    for index, entry in enumerate(document.storage_locations):
        path = f"storage_locations[{index}]"
        if entry.project:
            _check_name(f"{path}.project_id", "project", entry.project, names, violations)
        stored = existing.locations.get(entry.short_name)
        if _lacks_secret(entry, stored.value if stored else None):
            field = f"{path}.s3.secret_access_key"
            violations.add(field, "must be given with a new access_key_id")


def _check_conversion_profiles(
    document: Document, existing: Existing, violations: Violations
) -> None:
    project_names = _project_names(document, existing)
    owners = _owners(existing.conversion_profiles, existing)
    for index, entry in enumerate(document.conversion_profiles):
        field = f"conversion_profiles[{index}].project_id"
        if entry.project:
            _check_name(field, "project", entry.project, project_names, violations)
        if owners.get(entry.short_name, entry.project) != entry.project:
            violations.add(field, "cannot be changed")


def _check_upload_profiles(document: Document, existing: Existing, violations: Violations) -> None:
    project_names = _project_names(document, existing)
    location_owners = {
        **_owners(existing.locations, existing),
        **{entry.short_name: entry.project for entry in document.storage_locations},
    }
    conversion_owners = {
        **_owners(existing.conversion_profiles, existing),
        **{entry.short_name: entry.project for entry in document.conversion_profiles},
    }
    for index, entry in enumerate(document.upload_profiles):
        path = f"upload_profiles[{index}]"
        _check_name(f"{path}.project_id", "project", entry.project, project_names, violations)
        for field, kind, name, owners in (
            (
                "originals_location_id",
                "storage location",
                entry.originals_location,
                location_owners,
            ),
            ("outputs_location_id", "storage location", entry.outputs_location, location_owners),
            (
                "conversion_profile_id",
                "conversion profile",
                entry.conversion_profile,
                conversion_owners,
            ),
        ):
            _check_name(f"{path}.{field}", kind, name, owners, violations)
            owner = owners.get(name, "")
            if owner not in ("", entry.project):
                violations.add(f"{path}.{field}", f"names what only {owner} may use")


def _check_name(
    field: str, kind: str, name: str, names: Collection[str], violations: Violations
) -> None:
    violations.add(field, None if name in names else f"names no {kind} of the team")


def _owners(
    stored: Mapping[str, Stored[StorageLocation]] | Mapping[str, Stored[ConversionProfile]],
    existing: Existing,
) -> dict[str, str]:
    """Return by short name the one project that may use each, empty for all of the team's."""
    names = existing.names()
    return {
        name: names.get(kept.value.project_id or "", kept.value.project_id or "")
        for name, kept in stored.items()
    }


def _project_names(document: Document, existing: Existing) -> set[str]:
    return {*existing.projects, *(entry.short_name for entry in document.projects)}


def _lacks_secret(entry: LocationEntry, stored: StorageLocation | None) -> bool:
    """Whether the entry has an access key id of which the secret is nowhere."""
    if not isinstance(entry.provider, GivenBucket) or entry.provider.secret_access_key:
        return False
    known = stored.provider if stored else None
    known_key = known.access_key_id if isinstance(known, S3Bucket) else ""
    return entry.provider.access_key_id not in ("", known_key)
