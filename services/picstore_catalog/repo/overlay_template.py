"""Overlay templates and their revisions in the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from picstore_catalog.model.overlay_template import OverlayTemplate, OverlayTemplateRevision
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo.revisioned import Kind, RevisionedRows
from picstore_imaging.overlay.template import Overlay
from picstore_kit.ids import OverlayTemplateId, ProjectId
from picstore_kit.pg.access import Access, fetch_one


def _to_columns(overlay: Overlay) -> Mapping[str, Any]:
    return {"overlay": Jsonb(overlay.to_json())}


def _from_columns(*, overlay: Mapping[str, Any]) -> Overlay:
    return Overlay.from_json(overlay)


def _value(overlay: Overlay, **columns: Any) -> OverlayTemplate:
    return OverlayTemplate(overlay=overlay, **columns)


def _revision(overlay: Overlay, **columns: Any) -> OverlayTemplateRevision:
    return OverlayTemplateRevision(overlay=overlay, **columns)


ROWS: Final = RevisionedRows[OverlayTemplateId, OverlayTemplate, OverlayTemplateRevision, Overlay](
    Kind(
        name="OverlayTemplate",
        objects="overlay_templates",
        revisions="overlay_template_revisions",
        object_id="overlay_template_id",
        columns=("overlay",),
        to_columns=_to_columns,
        from_columns=_from_columns,
        content=lambda template: template.overlay,
        value=_value,
        revision=_revision,
    )
)

resource = ROWS.resource
fetch = ROWS.fetch
find_all = ROWS.find_all
find_revisions = ROWS.find_revisions
insert = ROWS.insert
update = ROWS.update
delete = ROWS.delete


async def fetch_for(
    conn: AsyncConnection[TupleRow], access: Access, project_id: ProjectId, template: str
) -> Stored[OverlayTemplate]:
    """Return a template that pictures of a project can be derived by: its own, or the team's.

    `template` is an id or a short name. What the caller needs is the permission on the project.

    Raises:
        NotFound: The project can use no such template.
        PermissionDenied: The caller lacks the permission on the project.
    """
    return await fetch_one(
        conn,
        ROWS.stored,
        """
        SELECT t.id, t.project_id, t.short_name, t.display_name, t.revision, r.overlay,
               t.version, t.created_at, t.updated_at,
               (%(allowed_everywhere)s OR %(project_id)s::text = ANY(%(allowed_on)s)) AS allowed
        FROM overlay_templates t
        JOIN overlay_template_revisions r
            ON (r.team_id, r.overlay_template_id, r.revision) = (t.team_id, t.id, t.revision)
        WHERE t.team_id = %(team_id)s
          AND (t.id = %(template)s OR t.short_name = %(template)s)
          AND (t.project_id IS NULL OR t.project_id = %(project_id)s)
          AND (%(visible_everywhere)s OR %(project_id)s::text = ANY(%(visible_on)s))
        """,
        {"project_id": project_id, "template": template},
        access=access,
        resource=resource(template),
    )
