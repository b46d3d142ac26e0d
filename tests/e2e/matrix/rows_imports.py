"""Pictures that are fetched."""

from __future__ import annotations

import uuid

from google.protobuf.message import Message

from picstore.catalog.v1 import ingest_pb2
from picstore.upload.v1 import import_pb2
from tests.e2e.matrix.callers import Bound
from tests.e2e.matrix.row import CATALOG, row
from tests.e2e.matrix.world import Team, World

IMPORTS = "picstore.upload.v1.ImportService"


def _request(team: Team) -> import_pb2.CreateImportJobRequest:
    """From where nothing comes: a name that RFC 2606 keeps from ever being one."""
    return import_pb2.CreateImportJobRequest(
        import_job=import_pb2.ImportJob(
            project_id=team.project_id,
            upload_profile=team.upload_profile_id,
            url=import_pb2.UrlSource(url="https://pictures.invalid/a.jpg"),
        ),
        request_id=str(uuid.uuid4()),
    )


async def _import_job(team: Team) -> str:
    return str((await team.admin.CreateImportJob(_request(team))).id)


@row(f"{IMPORTS}.CreateImportJob", Bound.PROJECT)
async def _create_import_job(world: World, team: Team) -> Message:
    return _request(team)


@row(f"{IMPORTS}.GetImportJob", Bound.PROJECT)
async def _get_import_job(world: World, team: Team) -> Message:
    return import_pb2.GetImportJobRequest(import_job_id=await _import_job(team))


@row(f"{IMPORTS}.ListImportJobs", Bound.PROJECT)
async def _list_import_jobs(world: World, team: Team) -> Message:
    return import_pb2.ListImportJobsRequest(project_id=team.project_id)


@row(f"{IMPORTS}.ListImportItems", Bound.PROJECT)
async def _list_import_items(world: World, team: Team) -> Message:
    return import_pb2.ListImportItemsRequest(import_job_id=await _import_job(team))


@row(f"{IMPORTS}.CancelImportJob", Bound.PROJECT)
async def _cancel_import_job(world: World, team: Team) -> Message:
    return import_pb2.CancelImportJobRequest(import_job_id=await _import_job(team))


@row(f"{CATALOG}IngestService.AuthorizeImport", Bound.PROJECT)
async def _authorize_import(world: World, team: Team) -> Message:
    return ingest_pb2.AuthorizeImportRequest(project_id=team.project_id)
