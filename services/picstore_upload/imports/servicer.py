"""ImportService."""

from __future__ import annotations

from picstore.upload.v1 import import_pb2
from picstore.upload.v1.import_pb2_grpc import ImportServiceServicer
from picstore_kit.errors import InvalidArgument, Reason
from picstore_kit.ids import ImportJobId, ProjectId, parse_id
from picstore_kit.net.egress import EgressPolicy
from picstore_kit.net.urls import host_of
from picstore_kit.pg.access import Access
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.auth import require_principal
from picstore_kit.rpc.call import Context
from picstore_upload.imports import mapping
from picstore_upload.imports.model import Kind
from picstore_upload.imports.ports import Catalog
from picstore_upload.imports.repo import ImportJobs
from picstore_upload.permission import IMAGE_CREATE


class ImportServicer(ImportServiceServicer):
    """Makes import jobs, and shows how far they are."""

    def __init__(
        self, jobs: ImportJobs, catalog: Catalog, egress: EgressPolicy, pager: Pager
    ) -> None:
        self._jobs = jobs
        self._catalog = catalog
        self._egress = egress
        self._pager = pager

    async def CreateImportJob(
        self, request: import_pb2.CreateImportJobRequest, context: Context
    ) -> import_pb2.ImportJob:
        """See the contract."""
        principal = require_principal()
        access = Access.of(principal, IMAGE_CREATE)
        new = mapping.new_job(request, principal, access.team_id)
        # The catalog knows the project, its profiles, and what the caller may do there.
        await self._catalog.resolve(mapping.header_of(new))
        if new.source.kind is Kind.BUCKET:
            await self._catalog.authorize_import(new.project_id, new.source.location_id)
        else:
            self._refuse_forbidden(new.source.url)
        return mapping.job_message(await self._jobs.add(access, new))

    async def GetImportJob(
        self, request: import_pb2.GetImportJobRequest, context: Context
    ) -> import_pb2.ImportJob:
        """See the contract."""
        access = Access.of(require_principal(), IMAGE_CREATE)
        job_id = parse_id(ImportJobId, request.import_job_id, field="import_job_id")
        return mapping.job_message(await self._jobs.get(access, job_id))

    async def ListImportJobs(
        self, request: import_pb2.ListImportJobsRequest, context: Context
    ) -> import_pb2.ListImportJobsResponse:
        """See the contract."""
        access = Access.of(require_principal(), IMAGE_CREATE)
        project_id = parse_id(ProjectId, request.project_id, field="project_id")
        asked = self._pager.open(
            page_size=request.page_size,
            page_token=request.page_token,
            scope=("ListImportJobs", access.team_id, project_id),
        )
        await self._catalog.authorize_import(project_id)
        found = await self._jobs.page(
            access, project_id, after=asked.after[0] if asked.after else None, limit=asked.limit
        )
        page = self._pager.close(asked, found, cursor=lambda job: (job.id,))
        return import_pb2.ListImportJobsResponse(
            import_jobs=[mapping.job_message(job) for job in page.rows],
            next_page_token=page.next_page_token,
        )

    async def ListImportItems(
        self, request: import_pb2.ListImportItemsRequest, context: Context
    ) -> import_pb2.ListImportItemsResponse:
        """See the contract."""
        access = Access.of(require_principal(), IMAGE_CREATE)
        job_id = parse_id(ImportJobId, request.import_job_id, field="import_job_id")
        state = mapping.item_state_from(request.state)
        asked = self._pager.open(
            page_size=request.page_size,
            page_token=request.page_token,
            scope=("ListImportItems", access.team_id, job_id, state or ""),
        )
        found = await self._jobs.items(
            access,
            job_id,
            state=state,
            after=int(asked.after[0]) if asked.after else 0,
            limit=asked.limit,
        )
        page = self._pager.close(asked, found, cursor=lambda item: (str(item.number),))
        return import_pb2.ListImportItemsResponse(
            items=[mapping.item_message(item) for item in page.rows],
            next_page_token=page.next_page_token,
        )

    async def CancelImportJob(
        self, request: import_pb2.CancelImportJobRequest, context: Context
    ) -> import_pb2.ImportJob:
        """See the contract."""
        access = Access.of(require_principal(), IMAGE_CREATE)
        job_id = parse_id(ImportJobId, request.import_job_id, field="import_job_id")
        return mapping.job_message(await self._jobs.cancel(access, job_id))

    def _refuse_forbidden(self, url: str) -> None:
        """Refuse what can be told from the URL alone; the rest is told when it is connected to."""
        fault = self._egress.fault(url)
        if fault is not None:
            host = host_of(url)
            raise InvalidArgument(
                Reason.REMOTE_FORBIDDEN, f"{host}: the URL {fault}", metadata={"host": host}
            )
