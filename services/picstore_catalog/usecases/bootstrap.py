"""Making a team's projects agree with the operator's document: once, or as often as applied."""

from __future__ import annotations

from picstore_catalog.model.bootstrap import (
    ConversionProfileEntry,
    Document,
    LocationEntry,
    Outcome,
    ProjectEntry,
    UploadProfileEntry,
)
from picstore_catalog.model.conversion_profile import (
    ConversionProfile,
    describe_conversion_profile,
)
from picstore_catalog.model.project import Project, describe_project
from picstore_catalog.model.storage_location import (
    StorageLocation,
    describe_location,
    describe_secret_change,
)
from picstore_catalog.model.upload_profile import UploadProfile, describe_upload_profile
from picstore_catalog.repo import bootstrap as repo
from picstore_catalog.repo import conversion_profile as conversion_profiles
from picstore_catalog.repo import project as projects
from picstore_catalog.repo import storage_location as locations
from picstore_catalog.repo import upload_profile as upload_profiles
from picstore_catalog.uow import Transaction
from picstore_catalog.usecases.bootstrap_existing import Existing, check_document, load_existing
from picstore_catalog.usecases.locations import LocationSecrets
from picstore_kit import audit
from picstore_kit.changes import Action, Change, action_of, differences
from picstore_kit.errors import Resource
from picstore_kit.ids import (
    ConversionProfileId,
    LocationId,
    ProjectId,
    UploadProfileId,
    new_id,
)
from picstore_kit.pg.access import Access


async def apply_bootstrap(
    transaction: Transaction, access: Access, document: Document, secrets: LocationSecrets
) -> Outcome:
    """Make the catalog agree with the document.

    Raises:
        InvalidFields: The document names what does not exist, or would change what cannot change.
        AlreadyExists: It gives an id that something else has.
        FailedPrecondition: It takes a location from a project that uses it (RESOURCE_IN_USE).
    """
    await repo.take_turns(transaction, access)
    existing = await load_existing(transaction, access, document)
    check_document(document, existing)
    outcome = await _Run(transaction, access, existing, secrets).apply(document)
    await repo.require_usable_references(transaction, access)
    return outcome


class _Run:
    """One application of a document that was checked."""

    def __init__(
        self, transaction: Transaction, access: Access, existing: Existing, secrets: LocationSecrets
    ) -> None:
        self._transaction = transaction
        self._access = access
        self._existing = existing
        self._secrets = secrets
        self._changes: list[Change] = []

    async def apply(self, document: Document) -> Outcome:
        for project in document.projects:
            await self._apply_project(project)
        for location in document.storage_locations:
            await self._apply_location(location)
        for conversion in document.conversion_profiles:
            await self._apply_conversion_profile(conversion)
        for upload in document.upload_profiles:
            await self._apply_upload_profile(upload)
        return Outcome(
            project_ids={
                entry.short_name: self._existing.projects[entry.short_name].value.id
                for entry in document.projects
            },
            upload_profile_ids={
                entry.name: self._existing.upload_profiles[entry.name].value.id
                for entry in document.upload_profiles
            },
            changes=tuple(self._changes),
        )

    async def _apply_project(self, entry: ProjectEntry) -> None:
        stored = self._existing.projects.get(entry.short_name)
        wanted = Project(
            id=stored.value.id if stored else entry.id or new_id(ProjectId),
            short_name=entry.short_name,
            display_name=entry.display_name or (stored.value.display_name if stored else ""),
            base_path=stored.value.base_path if stored else entry.base_path or entry.short_name,
            max_bytes=entry.max_bytes,
            max_pixels=entry.max_pixels,
        )
        if stored is None:
            made = await projects.insert(self._transaction, self._access, wanted)
            self._existing.projects[entry.short_name] = made
        elif stored.value != wanted:
            await projects.update(self._transaction, self._access, stored, wanted)
        before = describe_project(stored.value) if stored else None
        await self._note(
            projects.resource(wanted.id),
            wanted.id,
            Change.between("project", entry.short_name, before, describe_project(wanted)),
        )

    async def _apply_location(self, entry: LocationEntry) -> None:
        stored = self._existing.locations.get(entry.short_name)
        kept = stored.value if stored else None
        location_id = kept.id if kept else entry.id or new_id(LocationId)
        wanted = StorageLocation(
            id=location_id,
            project_id=self._existing.project_id(entry.project),
            short_name=entry.short_name,
            display_name=entry.display_name or (kept.display_name if kept else ""),
            provider=self._secrets.sealed_provider(location_id, entry.provider, kept),
            public_base_url=entry.public_base_url,
            cache_control=entry.cache_control,
            operator_managed=True,
        )
        if stored is None:
            made = await locations.insert(self._transaction, self._access, wanted)
            self._existing.locations[entry.short_name] = made
        elif stored.value != wanted:
            await locations.update(self._transaction, self._access, stored, wanted)
        names = self._existing.names()
        before = describe_location(kept, names) if kept else None
        fields = differences(before or {}, describe_location(wanted, names))
        fields += describe_secret_change(kept, wanted)
        await self._note(
            locations.resource(wanted.id),
            wanted.project_id,
            Change(
                kind="storage_location",
                name=entry.short_name,
                action=action_of(before, fields),
                fields=fields,
            ),
        )

    async def _apply_conversion_profile(self, entry: ConversionProfileEntry) -> None:
        stored = self._existing.conversion_profiles.get(entry.short_name)
        wanted = ConversionProfile(
            id=stored.value.id if stored else entry.id or new_id(ConversionProfileId),
            project_id=self._existing.project_id(entry.project),
            short_name=entry.short_name,
            display_name=entry.display_name or (stored.value.display_name if stored else ""),
            revision=stored.value.revision if stored else 1,
            profile=entry.profile,
        )
        if stored is None:
            made = await conversion_profiles.insert(self._transaction, self._access, wanted)
            self._existing.conversion_profiles[entry.short_name] = made
        elif stored.value != wanted:
            await conversion_profiles.update(self._transaction, self._access, stored, wanted)
        names = self._existing.names()
        before = describe_conversion_profile(stored.value, names) if stored else None
        await self._note(
            conversion_profiles.resource(wanted.id),
            wanted.project_id,
            Change.between(
                "conversion_profile",
                entry.short_name,
                before,
                describe_conversion_profile(wanted, names),
            ),
        )

    async def _apply_upload_profile(self, entry: UploadProfileEntry) -> None:
        stored = self._existing.upload_profiles.get(entry.name)
        wanted = UploadProfile(
            id=stored.value.id if stored else entry.id or new_id(UploadProfileId),
            project_id=self._existing.projects[entry.project].value.id,
            short_name=entry.short_name,
            display_name=entry.display_name or (stored.value.display_name if stored else ""),
            originals_location_id=self._existing.locations[entry.originals_location].value.id,
            originals_path=entry.originals_path,
            outputs_location_id=self._existing.locations[entry.outputs_location].value.id,
            outputs_path=entry.outputs_path,
            conversion_profile_id=(
                self._existing.conversion_profiles[entry.conversion_profile].value.id
            ),
        )
        if stored is None:
            made = await upload_profiles.insert(self._transaction, self._access, wanted)
            self._existing.upload_profiles[entry.name] = made
        elif stored.value != wanted:
            await upload_profiles.update(self._transaction, self._access, stored, wanted)
        names = self._existing.names()
        before = describe_upload_profile(stored.value, names) if stored else None
        await self._note(
            upload_profiles.resource(wanted.id),
            wanted.project_id,
            Change.between(
                "upload_profile", entry.name, before, describe_upload_profile(wanted, names)
            ),
        )

    async def _note(self, resource: Resource, project_id: ProjectId | None, change: Change) -> None:
        self._changes.append(change)
        if change.action is not Action.UNCHANGED:
            await audit.record(
                self._transaction,
                team_id=self._access.team_id,
                resource_type=resource.type,
                resource_id=resource.name,
                project_id=project_id,
                changes=change.fields,
            )
