"""ReferenceService."""

from __future__ import annotations

from typing import Final

from picstore.catalog.v1 import reference_pb2, reference_pb2_grpc
from picstore_catalog.model.permission import Permission
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases.references import find_missing
from picstore_kit.ids import ProjectId, TeamId, UploadProfileId
from picstore_kit.pg.access import Access
from picstore_kit.rpc.call import Context
from picstore_kit.violations import Violations, all_at_once

AUTH: Final = "auth"
"""The service that asks: it keeps ids of projects in grants, and of upload profiles with keys."""

MAX_IDS: Final = 1000
"""Of one kind in one request."""


class ReferenceServicer(reference_pb2_grpc.ReferenceServiceServicer):
    """Answers for objects that others refer to by id."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    async def FindMissing(
        self, request: reference_pb2.FindMissingRequest, context: Context
    ) -> reference_pb2.FindMissingResponse:
        """See the contract."""
        with all_at_once() as violations:
            team_id = violations.id(TeamId, request.team_id, "team_id")
            _check_number(violations, "project_ids", len(request.project_ids))
            _check_number(violations, "upload_profile_ids", len(request.upload_profile_ids))
            project_ids = [
                violations.id(ProjectId, id, f"project_ids[{index}]")
                for index, id in enumerate(request.project_ids[:MAX_IDS])
            ]
            upload_profile_ids = [
                violations.id(UploadProfileId, id, f"upload_profile_ids[{index}]")
                for index, id in enumerate(request.upload_profile_ids[:MAX_IDS])
            ]
        access = Access.unlimited(team_id, Permission.PROJECT_READ, caller=AUTH)
        async with self._work.begin(team_id) as transaction:
            missing = await find_missing(
                transaction,
                access,
                project_ids=project_ids,
                upload_profile_ids=upload_profile_ids,
            )
        return reference_pb2.FindMissingResponse(
            missing_project_ids=missing.project_ids,
            missing_upload_profile_ids=missing.upload_profile_ids,
        )


def _check_number(violations: Violations, field: str, number: int) -> None:
    violations.add(field, f"must be at most {MAX_IDS} ids" if number > MAX_IDS else None)
