"""The catalog, as auth asks it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from picstore.catalog.v1 import reference_pb2
from picstore_kit.ids import ProjectId, TeamId, UploadProfileId

if TYPE_CHECKING:
    from picstore.catalog.v1.reference_pb2_grpc import ReferenceServiceAsyncStub


class CatalogReferences:
    """`References` over gRPC."""

    def __init__(self, stub: ReferenceServiceAsyncStub) -> None:
        self._stub = stub

    async def missing(
        self,
        team_id: TeamId,
        *,
        project_ids: Collection[ProjectId],
        upload_profile_ids: Collection[UploadProfileId],
    ) -> tuple[Collection[ProjectId], Collection[UploadProfileId]]:
        """See `References`."""
        answer = await self._stub.FindMissing(
            reference_pb2.FindMissingRequest(
                team_id=team_id,
                project_ids=sorted(project_ids),
                upload_profile_ids=sorted(upload_profile_ids),
            )
        )
        return (
            [ProjectId(project_id) for project_id in answer.missing_project_ids],
            [UploadProfileId(profile_id) for profile_id in answer.missing_upload_profile_ids],
        )
