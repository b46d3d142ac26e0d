"""Pictures, their uploads, and what services ask of each other about them."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from picstore.catalog.v1 import (
    conversion_pb2,
    conversion_profile_pb2,
    explanation_pb2,
    image_pb2,
    image_service_pb2,
    ingest_pb2,
    upload_profile_pb2,
)
from picstore.jobs.v1 import job_pb2
from picstore.upload.v1 import upload_pb2
from picstore_kit.errors import Code
from picstore_kit.ids import ImageId, JobId, OutputId, UploadId, new_id
from tests.e2e.matrix.callers import Bound
from tests.e2e.matrix.row import CATALOG, row
from tests.e2e.matrix.rows_projects import new_upload_profile, overlay_template_of
from tests.e2e.matrix.world import (
    Team,
    World,
    chunks,
    conversion_profile,
    quick_upload,
    unique,
)
from tests.pictures import photo

# ---- pictures


def _new_image(team: Team) -> image_pb2.Image:
    return image_pb2.Image(
        project_id=team.project_id, upload_profile=team.upload_profile_id, filename="photo.jpg"
    )


async def _awaited_image(team: Team) -> str:
    created = await team.admin.CreateImage(
        image_service_pb2.CreateImageRequest(image=_new_image(team))
    )
    return str(created.id)


@row(f"{CATALOG}ImageService.CreateImage", Bound.PROJECT)
async def _create_image(world: World, team: Team) -> Message:
    return image_service_pb2.CreateImageRequest(image=_new_image(team))


@row(f"{CATALOG}ImageService.CreateDerivedImage", Bound.PROJECT)
async def _create_derived_image(world: World, team: Team) -> Message:
    return image_service_pb2.CreateDerivedImageRequest(
        image_id=team.image_id, overlay_template=await overlay_template_of(team)
    )


@row(f"{CATALOG}ImageService.GetImage", Bound.PROJECT)
async def _get_image(world: World, team: Team) -> Message:
    return image_service_pb2.GetImageRequest(image_id=team.image_id)


@row(f"{CATALOG}ImageService.ListImages", Bound.PROJECT)
async def _list_images(world: World, team: Team) -> Message:
    return image_service_pb2.ListImagesRequest(project_id=team.project_id)


@row(f"{CATALOG}ImageService.LookupImage", Bound.PROJECT)
async def _lookup_image(world: World, team: Team) -> Message:
    image = await team.admin.GetImage(image_service_pb2.GetImageRequest(image_id=team.image_id))
    return image_service_pb2.LookupImageRequest(project_id=team.project_id, sha256=image.sha256)


@row(f"{CATALOG}ImageService.LookupImages", Bound.PROJECT)
async def _lookup_images(world: World, team: Team) -> Message:
    return image_service_pb2.LookupImagesRequest(project_id=team.project_id, sha256s=["0" * 64])


@row(f"{CATALOG}ImageService.UpdateImage", Bound.PROJECT)
async def _update_image(world: World, team: Team) -> Message:
    return image_service_pb2.UpdateImageRequest(
        image=image_pb2.Image(id=team.image_id, alt_text=unique("A photo of")),
        update_mask=FieldMask(paths=["alt_text"]),
    )


@row(f"{CATALOG}ImageService.GetPicture", Bound.PROJECT)
async def _get_picture(world: World, team: Team) -> Message:
    return image_service_pb2.GetPictureRequest(image_id=team.image_id)


@row(f"{CATALOG}ImageService.ExplainImage", Bound.PROJECT)
async def _explain_image(world: World, team: Team) -> Message:
    return explanation_pb2.ExplainImageRequest(image_id=team.image_id)


@row(f"{CATALOG}ImageService.SignOriginal", Bound.PROJECT)
async def _sign_original(world: World, team: Team) -> Message:
    return image_service_pb2.SignOriginalRequest(image_id=team.image_id)


@row(f"{CATALOG}ImageService.WatchImage", Bound.PROJECT)
async def _watch_image(world: World, team: Team) -> Message:
    return image_service_pb2.WatchImageRequest(image_id=team.image_id)


@row(f"{CATALOG}ImageService.WatchImages", Bound.PROJECT)
async def _watch_images(world: World, team: Team) -> Message:
    return image_service_pb2.WatchImagesRequest(project_id=team.project_id)


@row("picstore.upload.v1.UploadService.QuickUpload", Bound.PROJECT)
async def _quick_upload(world: World, team: Team) -> Sequence[Message]:
    return quick_upload(team.project_id, team.upload_profile_id, photo(16, 16, seed=team.team_id))


@row("picstore.upload.v1.UploadService.UploadImage", Bound.PROJECT)
async def _upload_image(world: World, team: Team) -> Sequence[Message]:
    header = upload_pb2.UploadImageHeader(image_id=await _awaited_image(team))
    data = photo(16, 16, seed=team.team_id)
    return [
        upload_pb2.UploadImageRequest(header=header),
        *(upload_pb2.UploadImageRequest(chunk=chunk) for chunk in chunks(data)),
        upload_pb2.UploadImageRequest(end=upload_pb2.End()),
    ]


# ---- between services


@row(f"{CATALOG}IngestService.ResolveUpload", Bound.PROJECT)
async def _resolve_upload(world: World, team: Team) -> Message:
    return ingest_pb2.ResolveUploadRequest(
        project_id=team.project_id, upload_profile=team.upload_profile_id, filename="photo.jpg"
    )


@row(f"{CATALOG}IngestService.CommitImage", Bound.PROJECT, ends=(Code.FAILED_PRECONDITION,))
async def _commit_image(world: World, team: Team) -> Message:
    # By a profile that makes nothing of a JPEG: there is no such original to make anything of.
    conversion = conversion_profile(unique("profile"), team.project_id)
    conversion.formats[0].only_from.append(conversion_pb2.FORMAT_PNG)
    made = await team.admin.CreateConversionProfile(
        conversion_profile_pb2.CreateConversionProfileRequest(conversion_profile=conversion)
    )
    upload_profile = new_upload_profile(team)
    upload_profile.conversion_profile_id = made.id
    profile = await team.admin.CreateUploadProfile(
        upload_profile_pb2.CreateUploadProfileRequest(upload_profile=upload_profile)
    )
    image_id = new_id(ImageId)
    return ingest_pb2.CommitImageRequest(
        upload_id=new_id(UploadId),
        image_id=image_id,
        generation=1,
        project_id=team.project_id,
        upload_profile_id=profile.id,
        filename="photo.jpg",
        originals_location_id=team.location_id,
        object_key=f"{image_id}/1-nothing/here",
        facts=conversion_pb2.SourceFacts(
            format=conversion_pb2.FORMAT_JPEG,
            width=16,
            height=16,
            frames=1,
            size_bytes=1,
            sha256="0" * 64,
        ),
    )


@row(f"{CATALOG}IngestService.FindCommit")
async def _find_commit(world: World, team: Team) -> Message:
    return ingest_pb2.FindCommitRequest(upload_id=new_id(UploadId))


@row(f"{CATALOG}IngestService.FindOriginal")
async def _find_original(world: World, team: Team) -> Message:
    return ingest_pb2.FindOriginalRequest(storage_location_id=team.location_id, object_key="a")


@row(f"{CATALOG}IngestService.GetStorageAccess", refers=True)
async def _get_storage_access(world: World, team: Team) -> Message:
    return ingest_pb2.GetStorageAccessRequest(storage_location_id=team.location_id)


@row("picstore.jobs.v1.JobService.ClaimJob", ends=(Code.NOT_FOUND,))
async def _claim_job(world: World, team: Team) -> Message:
    return job_pb2.ClaimJobRequest(job_id=new_id(JobId), worker="matrix")


_GONE = (Code.NOT_FOUND, Code.ABORTED, Code.FAILED_PRECONDITION)


@row("picstore.jobs.v1.JobService.ExtendJob", ends=_GONE)
async def _extend_job(world: World, team: Team) -> Message:
    return job_pb2.ExtendJobRequest(job_id=new_id(JobId), attempt=1)


@row("picstore.jobs.v1.JobService.CompleteOutput", ends=(*_GONE, Code.INVALID_ARGUMENT))
async def _complete_output(world: World, team: Team) -> Message:
    return job_pb2.CompleteOutputRequest(
        job_id=new_id(JobId), attempt=1, output_id=new_id(OutputId)
    )


@row("picstore.jobs.v1.JobService.CompleteRender", ends=(*_GONE, Code.INVALID_ARGUMENT))
async def _complete_render(world: World, team: Team) -> Message:
    return job_pb2.CompleteRenderRequest(job_id=new_id(JobId), attempt=1, object_key="x")


@row("picstore.jobs.v1.JobService.RecordPlaceholder", ends=(*_GONE, Code.INVALID_ARGUMENT))
async def _record_placeholder(world: World, team: Team) -> Message:
    return job_pb2.RecordPlaceholderRequest(job_id=new_id(JobId), attempt=1)


@row("picstore.jobs.v1.JobService.FailJob", ends=(*_GONE, Code.INVALID_ARGUMENT))
async def _fail_job(world: World, team: Team) -> Message:
    return job_pb2.FailJobRequest(job_id=new_id(JobId), attempt=1, reason="ENCODE_FAILED")
