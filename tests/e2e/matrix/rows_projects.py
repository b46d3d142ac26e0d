"""What the catalog serves of projects, locations and profiles."""

from __future__ import annotations

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from picstore.catalog.v1 import (
    conversion_profile_pb2,
    overlay_template_pb2,
    project_pb2,
    reference_pb2,
    storage_location_pb2,
    upload_profile_pb2,
)
from picstore_kit.errors import Code
from tests.e2e.matrix.callers import Bound
from tests.e2e.matrix.row import CATALOG, row
from tests.e2e.matrix.world import (
    Team,
    World,
    conversion_profile,
    location,
    overlay_template,
    unique,
)

# ---- projects


async def _project(team: Team) -> str:
    created = await team.admin.CreateProject(
        project_pb2.CreateProjectRequest(project=project_pb2.Project(short_name=unique("project")))
    )
    return str(created.id)


@row(f"{CATALOG}ProjectService.CreateProject")
async def _create_project(world: World, team: Team) -> Message:
    return project_pb2.CreateProjectRequest(
        project=project_pb2.Project(short_name=unique("project"))
    )


@row(f"{CATALOG}ProjectService.GetProject", Bound.PROJECT)
async def _get_project(world: World, team: Team) -> Message:
    return project_pb2.GetProjectRequest(project_id=team.project_id)


@row(f"{CATALOG}ProjectService.ListProjects")
async def _list_projects(world: World, team: Team) -> Message:
    return project_pb2.ListProjectsRequest(page_size=1)


@row(f"{CATALOG}ProjectService.UpdateProject", Bound.PROJECT)
async def _update_project(world: World, team: Team) -> Message:
    return project_pb2.UpdateProjectRequest(
        project=project_pb2.Project(
            id=team.project_id, short_name="x", display_name=unique("name")
        ),
        update_mask=FieldMask(paths=["display_name"]),
    )


@row(f"{CATALOG}ProjectService.DeleteProject", Bound.PROJECT, ends=(Code.FAILED_PRECONDITION,))
async def _delete_project(world: World, team: Team) -> Message:
    return project_pb2.DeleteProjectRequest(project_id=team.project_id)  # it is in use


# ---- storage locations


async def _location(world: World, team: Team) -> str:
    created = await team.admin.CreateStorageLocation(
        storage_location_pb2.CreateStorageLocationRequest(
            storage_location=location(unique("store"), team.project_id, world.s3)
        )
    )
    return str(created.id)


@row(f"{CATALOG}StorageLocationService.CreateStorageLocation", Bound.PROJECT)
async def _create_storage_location(world: World, team: Team) -> Message:
    return storage_location_pb2.CreateStorageLocationRequest(
        storage_location=location(unique("store"), team.project_id, world.s3)
    )


@row(f"{CATALOG}StorageLocationService.GetStorageLocation", Bound.PROJECT)
async def _get_storage_location(world: World, team: Team) -> Message:
    return storage_location_pb2.GetStorageLocationRequest(storage_location_id=team.location_id)


@row(f"{CATALOG}StorageLocationService.ListStorageLocations")
async def _list_storage_locations(world: World, team: Team) -> Message:
    return storage_location_pb2.ListStorageLocationsRequest(page_size=1)


@row(f"{CATALOG}StorageLocationService.UpdateStorageLocation", Bound.PROJECT)
async def _update_storage_location(world: World, team: Team) -> Message:
    return storage_location_pb2.UpdateStorageLocationRequest(
        storage_location=storage_location_pb2.StorageLocation(
            id=await _location(world, team), short_name="x", display_name="Renamed"
        ),
        update_mask=FieldMask(paths=["display_name"]),
    )


@row(f"{CATALOG}StorageLocationService.DeleteStorageLocation", Bound.PROJECT)
async def _delete_storage_location(world: World, team: Team) -> Message:
    return storage_location_pb2.DeleteStorageLocationRequest(
        storage_location_id=await _location(world, team)
    )


@row(f"{CATALOG}StorageLocationService.TestStorageLocation", Bound.PROJECT)
async def _test_storage_location(world: World, team: Team) -> Message:
    return storage_location_pb2.TestStorageLocationRequest(storage_location_id=team.location_id)


@row(f"{CATALOG}StorageLocationService.ReencryptStorageSecrets")
async def _reencrypt_storage_secrets(world: World, team: Team) -> Message:
    return storage_location_pb2.ReencryptStorageSecretsRequest()


# ---- conversion profiles


async def _conversion_profile(team: Team) -> str:
    created = await team.admin.CreateConversionProfile(
        conversion_profile_pb2.CreateConversionProfileRequest(
            conversion_profile=conversion_profile(unique("profile"), team.project_id)
        )
    )
    return str(created.id)


@row(f"{CATALOG}ConversionProfileService.CreateConversionProfile", Bound.PROJECT)
async def _create_conversion_profile(world: World, team: Team) -> Message:
    return conversion_profile_pb2.CreateConversionProfileRequest(
        conversion_profile=conversion_profile(unique("profile"), team.project_id)
    )


@row(f"{CATALOG}ConversionProfileService.GetConversionProfile", Bound.PROJECT)
async def _get_conversion_profile(world: World, team: Team) -> Message:
    return conversion_profile_pb2.GetConversionProfileRequest(
        conversion_profile_id=team.conversion_profile_id
    )


@row(f"{CATALOG}ConversionProfileService.ListConversionProfiles")
async def _list_conversion_profiles(world: World, team: Team) -> Message:
    return conversion_profile_pb2.ListConversionProfilesRequest(page_size=1)


@row(f"{CATALOG}ConversionProfileService.UpdateConversionProfile", Bound.PROJECT)
async def _update_conversion_profile(world: World, team: Team) -> Message:
    profile = conversion_profile("x", team.project_id)
    profile.id = await _conversion_profile(team)
    profile.display_name = "Renamed"
    return conversion_profile_pb2.UpdateConversionProfileRequest(
        conversion_profile=profile, update_mask=FieldMask(paths=["display_name"])
    )


@row(f"{CATALOG}ConversionProfileService.DeleteConversionProfile", Bound.PROJECT)
async def _delete_conversion_profile(world: World, team: Team) -> Message:
    return conversion_profile_pb2.DeleteConversionProfileRequest(
        conversion_profile_id=await _conversion_profile(team)
    )


@row(f"{CATALOG}ConversionProfileService.ListConversionProfileRevisions", Bound.PROJECT)
async def _list_conversion_profile_revisions(world: World, team: Team) -> Message:
    return conversion_profile_pb2.ListConversionProfileRevisionsRequest(
        conversion_profile_id=team.conversion_profile_id
    )


@row(f"{CATALOG}ConversionProfileService.RollbackConversionProfile", Bound.PROJECT)
async def _rollback_conversion_profile(world: World, team: Team) -> Message:
    return conversion_profile_pb2.RollbackConversionProfileRequest(
        conversion_profile_id=await _conversion_profile(team), revision=1
    )


# ---- overlay templates


async def overlay_template_of(team: Team) -> str:
    created = await team.admin.CreateOverlayTemplate(
        overlay_template_pb2.CreateOverlayTemplateRequest(
            overlay_template=overlay_template(unique("template"), team.project_id)
        )
    )
    return str(created.id)


@row(f"{CATALOG}OverlayTemplateService.CreateOverlayTemplate", Bound.PROJECT)
async def _create_overlay_template(world: World, team: Team) -> Message:
    return overlay_template_pb2.CreateOverlayTemplateRequest(
        overlay_template=overlay_template(unique("template"), team.project_id)
    )


@row(f"{CATALOG}OverlayTemplateService.GetOverlayTemplate", Bound.PROJECT)
async def _get_overlay_template(world: World, team: Team) -> Message:
    return overlay_template_pb2.GetOverlayTemplateRequest(
        overlay_template_id=await overlay_template_of(team)
    )


@row(f"{CATALOG}OverlayTemplateService.ListOverlayTemplates")
async def _list_overlay_templates(world: World, team: Team) -> Message:
    return overlay_template_pb2.ListOverlayTemplatesRequest(page_size=1)


@row(f"{CATALOG}OverlayTemplateService.UpdateOverlayTemplate", Bound.PROJECT)
async def _update_overlay_template(world: World, team: Team) -> Message:
    template = overlay_template("x", team.project_id)
    template.id = await overlay_template_of(team)
    template.display_name = "Renamed"
    return overlay_template_pb2.UpdateOverlayTemplateRequest(
        overlay_template=template, update_mask=FieldMask(paths=["display_name"])
    )


@row(f"{CATALOG}OverlayTemplateService.DeleteOverlayTemplate", Bound.PROJECT)
async def _delete_overlay_template(world: World, team: Team) -> Message:
    return overlay_template_pb2.DeleteOverlayTemplateRequest(
        overlay_template_id=await overlay_template_of(team)
    )


@row(f"{CATALOG}OverlayTemplateService.ListOverlayTemplateRevisions", Bound.PROJECT)
async def _list_overlay_template_revisions(world: World, team: Team) -> Message:
    return overlay_template_pb2.ListOverlayTemplateRevisionsRequest(
        overlay_template_id=await overlay_template_of(team)
    )


@row(f"{CATALOG}OverlayTemplateService.RollbackOverlayTemplate", Bound.PROJECT)
async def _rollback_overlay_template(world: World, team: Team) -> Message:
    return overlay_template_pb2.RollbackOverlayTemplateRequest(
        overlay_template_id=await overlay_template_of(team), revision=1
    )


# ---- upload profiles


def new_upload_profile(team: Team) -> upload_profile_pb2.UploadProfile:
    return upload_profile_pb2.UploadProfile(
        project_id=team.project_id,
        short_name=unique("profile"),
        originals_location_id=team.location_id,
        outputs_location_id=team.location_id,
        conversion_profile_id=team.conversion_profile_id,
    )


async def _upload_profile(team: Team) -> upload_profile_pb2.UploadProfile:
    created: upload_profile_pb2.UploadProfile = await team.admin.CreateUploadProfile(
        upload_profile_pb2.CreateUploadProfileRequest(upload_profile=new_upload_profile(team))
    )
    return created


@row(f"{CATALOG}UploadProfileService.CreateUploadProfile", Bound.PROJECT)
async def _create_upload_profile(world: World, team: Team) -> Message:
    return upload_profile_pb2.CreateUploadProfileRequest(upload_profile=new_upload_profile(team))


@row(f"{CATALOG}UploadProfileService.GetUploadProfile", Bound.PROJECT)
async def _get_upload_profile(world: World, team: Team) -> Message:
    return upload_profile_pb2.GetUploadProfileRequest(upload_profile_id=team.upload_profile_id)


@row(f"{CATALOG}UploadProfileService.ListUploadProfiles", Bound.PROJECT)
async def _list_upload_profiles(world: World, team: Team) -> Message:
    return upload_profile_pb2.ListUploadProfilesRequest(project_id=team.project_id)


@row(f"{CATALOG}UploadProfileService.UpdateUploadProfile", Bound.PROJECT)
async def _update_upload_profile(world: World, team: Team) -> Message:
    profile = await _upload_profile(team)
    profile.display_name = "Renamed"
    return upload_profile_pb2.UpdateUploadProfileRequest(
        upload_profile=profile, update_mask=FieldMask(paths=["display_name"])
    )


@row(f"{CATALOG}UploadProfileService.DeleteUploadProfile", Bound.PROJECT)
async def _delete_upload_profile(world: World, team: Team) -> Message:
    return upload_profile_pb2.DeleteUploadProfileRequest(
        upload_profile_id=(await _upload_profile(team)).id
    )


@row(f"{CATALOG}ReferenceService.FindMissing")
async def _find_missing(world: World, team: Team) -> Message:
    return reference_pb2.FindMissingRequest(team_id=team.team_id)
