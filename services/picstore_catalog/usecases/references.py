"""Answering for what other services refer to by id."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from picstore_catalog.repo import references as repo
from picstore_catalog.uow import Transaction
from picstore_kit.ids import ProjectId, UploadProfileId
from picstore_kit.pg.access import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Ids that name nothing of the team."""

    project_ids: list[ProjectId]
    upload_profile_ids: list[UploadProfileId]


async def find_missing(
    transaction: Transaction,
    access: Access,
    *,
    project_ids: Collection[ProjectId],
    upload_profile_ids: Collection[UploadProfileId],
) -> Missing:
    """Return which of the ids name nothing that the team has; another team's are missing too."""
    return Missing(
        project_ids=await repo.find_missing_projects(transaction, access, project_ids),
        upload_profile_ids=await repo.find_missing_upload_profiles(
            transaction, access, upload_profile_ids
        ),
    )
