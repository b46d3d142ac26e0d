"""Ids of the catalog's objects that auth keeps, and whether they name something of the team."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from picstore_auth.model.grant import Grants
from picstore_kit.errors import NotFound
from picstore_kit.ids import ProjectId, TeamId, UploadProfileId


class References(Protocol):
    """Knows what the catalog has; the catalog is asked for it."""

    async def missing(
        self,
        team_id: TeamId,
        *,
        project_ids: Collection[ProjectId],
        upload_profile_ids: Collection[UploadProfileId],
    ) -> tuple[Collection[ProjectId], Collection[UploadProfileId]]:
        """Return those of the ids that name nothing of the team.

        Raises:
            Unavailable: The catalog does not answer.
        """


async def refuse_missing(
    references: References,
    team_id: TeamId,
    *,
    grants: Grants = (),
    upload_profile_id: UploadProfileId | None = None,
) -> None:
    """Refuse grants on projects, and a default upload profile, that the team does not have.

    Nothing is asked where nothing of the catalog's is named.

    Raises:
        NotFound: It names the first that is missing.
        Unavailable: The catalog does not answer.
    """
    project_ids = {grant.project_id for grant in grants if grant.project_id is not None}
    upload_profile_ids = {upload_profile_id} if upload_profile_id is not None else set()
    if not project_ids and not upload_profile_ids:
        return
    projects, upload_profiles = await references.missing(
        team_id, project_ids=project_ids, upload_profile_ids=upload_profile_ids
    )
    for project_id in sorted(projects):
        raise NotFound.of("Project", project_id)
    for profile_id in sorted(upload_profiles):
        raise NotFound.of("UploadProfile", profile_id)
