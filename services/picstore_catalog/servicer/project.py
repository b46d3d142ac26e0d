"""ProjectService."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from picstore.catalog.v1 import project_pb2, project_pb2_grpc
from picstore_catalog.mapping.project import new_project, project_change, project_message
from picstore_catalog.model.permission import Permission
from picstore_catalog.repo import project as repo
from picstore_catalog.servicer.named_list import named_page
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_catalog.usecases.projects import (
    create_project,
    delete_project,
    update_project,
)
from picstore_kit.ids import ProjectId, new_id, parse_id
from picstore_kit.pg.access import Access
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.auth import require_principal
from picstore_kit.rpc.call import Context
from picstore_kit.violations import all_at_once


class ProjectServicer(project_pb2_grpc.ProjectServiceServicer):
    """Administers projects."""

    def __init__(self, work: UnitOfWork, pager: Pager) -> None:
        self._work = work
        self._pager = pager

    async def CreateProject(
        self, request: project_pb2.CreateProjectRequest, context: Context
    ) -> project_pb2.Project:
        """See the contract."""
        access = Access.of(require_principal(), Permission.PROJECT_CREATE)
        with all_at_once() as violations:
            project = new_project(request.project, new_id(ProjectId), violations, "project")

        async def create(transaction: Transaction) -> project_pb2.Project:
            return project_message(await create_project(transaction, access, project))

        return await self._work.once(
            access,
            method="CreateProject",
            request=request,
            answer=project_pb2.Project,
            work=create,
        )

    async def GetProject(
        self, request: project_pb2.GetProjectRequest, context: Context
    ) -> project_pb2.Project:
        """See the contract."""
        access = Access.of(require_principal(), Permission.PROJECT_READ)
        project_id = parse_id(ProjectId, request.project_id, field="project_id")
        async with self._work.begin(access.team_id) as transaction:
            return project_message(await repo.fetch(transaction, access, project_id))

    async def ListProjects(
        self, request: project_pb2.ListProjectsRequest, context: Context
    ) -> project_pb2.ListProjectsResponse:
        """See the contract."""
        page = await named_page(
            self._work,
            self._pager,
            request,
            method="ListProjects",
            id_kind=ProjectId,
            find_all=repo.find_all,
        )
        return project_pb2.ListProjectsResponse(
            projects=[project_message(stored) for stored in page.rows],
            next_page_token=page.next_page_token,
        )

    async def UpdateProject(
        self, request: project_pb2.UpdateProjectRequest, context: Context
    ) -> project_pb2.Project:
        """See the contract."""
        access = Access.of(require_principal(), Permission.PROJECT_WRITE)
        message = request.project
        with all_at_once() as violations:
            project_id = violations.id(ProjectId, message.id, "project.id")
            change = project_change(message, request.update_mask, violations)
        async with self._work.begin(access.team_id) as transaction:
            updated = await update_project(
                transaction, access, project_id, change, etag=message.etag
            )
        return project_message(updated)

    async def DeleteProject(
        self, request: project_pb2.DeleteProjectRequest, context: Context
    ) -> Empty:
        """See the contract."""
        access = Access.of(require_principal(), Permission.PROJECT_WRITE)
        project_id = parse_id(ProjectId, request.project_id, field="project_id")
        async with self._work.begin(access.team_id) as transaction:
            await delete_project(transaction, access, project_id, etag=request.etag)
        return Empty()
