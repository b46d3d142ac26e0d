"""Upload profiles with all that an upload needs of what they refer to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_catalog.model.conversion_profile import profile_from_json
from picstore_catalog.model.upload import UploadTarget
from picstore_catalog.repo import project as projects
from picstore_kit.errors import FailedPrecondition, NotFound, Reason
from picstore_kit.ids import ProjectId, UploadProfileId
from picstore_kit.pg.access import Access, fetch_one


async def fetch(
    conn: AsyncConnection[TupleRow],
    access: Access,
    project_id: ProjectId,
    upload_profile: str,
    *,
    default: UploadProfileId | None,
) -> UploadTarget:
    """Return what an upload to a project needs to know.

    `upload_profile` is an id or a short name; empty for the default, if that is of the project.

    Raises:
        NotFound: There is no such project that the caller can see, or it has no such profile.
        PermissionDenied: The caller lacks the permission on the project.
        FailedPrecondition: No profile is named and no default fits (UPLOAD_PROFILE_REQUIRED).
    """
    target = await fetch_one(
        conn,
        _target,
        """
        SELECT p.id AS project_id, p.base_path, p.max_bytes, p.max_pixels,
               u.id AS upload_profile_id, u.originals_location_id, u.originals_path,
               u.outputs_location_id, u.outputs_path, r.conversion_profile_id,
               r.revision AS conversion_profile_revision, r.formats, r.sizes, r.background,
               r.policies,
               (%(allowed_everywhere)s OR p.id = ANY(%(allowed_on)s)) AS allowed
        FROM projects p
        LEFT JOIN upload_profiles u
            ON u.team_id = p.team_id AND u.project_id = p.id
            AND (u.id = %(upload_profile)s OR u.short_name = %(upload_profile)s)
        LEFT JOIN conversion_profiles c
            ON c.team_id = u.team_id AND c.id = u.conversion_profile_id
        LEFT JOIN conversion_profile_revisions r
            ON r.team_id = c.team_id AND r.conversion_profile_id = c.id
            AND r.revision = c.revision
        WHERE p.team_id = %(team_id)s AND p.id = %(project_id)s
          AND (%(visible_everywhere)s OR p.id = ANY(%(visible_on)s))
        """,
        {"project_id": project_id, "upload_profile": upload_profile or default or ""},
        access=access,
        resource=projects.resource(project_id),
    )
    if target is not None:
        return target
    if not upload_profile:
        raise FailedPrecondition(
            Reason.UPLOAD_PROFILE_REQUIRED,
            "name an upload profile: the API key has no default for this project",
        )
    raise NotFound.of("UploadProfile", upload_profile)


def _target(
    *,
    upload_profile_id: UploadProfileId | None,
    formats: Sequence[Mapping[str, Any]],
    sizes: Sequence[Mapping[str, Any]],
    background: str,
    policies: Mapping[str, Any],
    **columns: Any,
) -> UploadTarget | None:
    if upload_profile_id is None:
        return None
    profile = profile_from_json(
        formats=formats, sizes=sizes, background=background, policies=policies
    )
    return UploadTarget(upload_profile_id=upload_profile_id, profile=profile, **columns)
