"""Uploads that are made first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from google.protobuf.message import Message

from picstore.upload.v1 import upload_pb2
from tests.e2e.matrix.callers import Bound
from tests.e2e.matrix.row import row
from tests.e2e.matrix.world import Team, World, chunks, unique
from tests.pictures import photo

UPLOADS = "picstore.upload.v1.UploadService"


def _request(team: Team) -> upload_pb2.CreateUploadRequest:
    return upload_pb2.CreateUploadRequest(
        upload=upload_pb2.Upload(
            project_id=team.project_id, upload_profile=team.upload_profile_id, filename="photo.jpg"
        )
    )


async def _upload(team: Team) -> str:
    return str((await team.admin.CreateUpload(_request(team))).id)


def _written(upload_id: str) -> list[upload_pb2.WriteUploadRequest]:
    header = upload_pb2.WriteUploadHeader(upload_id=upload_id)
    data = photo(16, 16, seed=unique("upload"))
    return [
        upload_pb2.WriteUploadRequest(header=header),
        *(upload_pb2.WriteUploadRequest(chunk=chunk) for chunk in chunks(data)),
    ]


@row(f"{UPLOADS}.CreateUpload", Bound.PROJECT)
async def _create_upload(world: World, team: Team) -> Message:
    return _request(team)


@row(f"{UPLOADS}.GetUpload", Bound.PROJECT)
async def _get_upload(world: World, team: Team) -> Message:
    return upload_pb2.GetUploadRequest(upload_id=await _upload(team))


@row(f"{UPLOADS}.WriteUpload", Bound.PROJECT)
async def _write_upload(world: World, team: Team) -> Sequence[Message]:
    return _written(await _upload(team))


@row(f"{UPLOADS}.CompleteUpload", Bound.PROJECT)
async def _complete_upload(world: World, team: Team) -> Message:
    upload_id = await _upload(team)

    async def messages() -> AsyncIterator[upload_pb2.WriteUploadRequest]:
        for message in _written(upload_id):
            yield message

    await team.admin.WriteUpload(messages())
    return upload_pb2.CompleteUploadRequest(upload_id=upload_id)


@row(f"{UPLOADS}.DeleteUpload", Bound.PROJECT)
async def _delete_upload(world: World, team: Team) -> Message:
    return upload_pb2.DeleteUploadRequest(upload_id=await _upload(team))
