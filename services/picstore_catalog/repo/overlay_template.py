"""Overlay templates and their revisions in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from picstore_catalog.model.overlay_template import OverlayTemplate, OverlayTemplateRevision
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo.conflicts import conflicts_named, overtaken, references_named
from picstore_imaging.overlay.template import Overlay
from picstore_kit.errors import NotFound, Resource
from picstore_kit.ids import OverlayTemplateId, ProjectId
from picstore_kit.pg.access import Access, delete_one, fetch_all, fetch_one, write_one

_ONE: Final = """
    SELECT t.id, t.project_id, t.short_name, t.display_name,
           coalesce(%(revision)s, t.revision) AS revision, r.overlay,
           t.version, t.created_at, t.updated_at,
           (%(allowed_everywhere)s OR t.project_id = ANY(%(allowed_on)s)
            OR (t.project_id IS NULL AND %(allowed_on_shared)s)) AS allowed
    FROM overlay_templates t
    LEFT JOIN overlay_template_revisions r
        ON r.team_id = t.team_id AND r.overlay_template_id = t.id
        AND r.revision = coalesce(%(revision)s, t.revision)
    WHERE t.team_id = %(team_id)s AND t.id = %(template_id)s
      AND (%(visible_everywhere)s OR t.project_id = ANY(%(visible_on)s)
           OR (t.project_id IS NULL AND %(visible_somewhere)s))
"""
_ONE_LOCKED: Final = _ONE + " FOR UPDATE OF t"


def resource(template: str) -> Resource:
    """Name an overlay template in an error."""
    return Resource(type="OverlayTemplate", name=template)


async def fetch(
    conn: AsyncConnection[TupleRow],
    access: Access,
    template_id: OverlayTemplateId,
    *,
    revision: int | None = None,
    lock: bool = False,
) -> Stored[OverlayTemplate]:
    """Return an overlay template at a revision, the current one if none is given.

    `lock` keeps others from changing the template meanwhile.

    Raises:
        NotFound, PermissionDenied: See `picstore_kit.pg.access`; the template may also have
            no such revision.
    """
    stored = await fetch_one(
        conn,
        _stored_if_there,
        _ONE_LOCKED if lock else _ONE,
        {"template_id": template_id, "revision": revision},
        access=access,
        resource=resource(template_id),
    )
    if stored is None:
        raise NotFound.of("OverlayTemplateRevision", f"{template_id}/revisions/{revision}")
    return stored


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
        _stored,
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


async def find_all(
    conn: AsyncConnection[TupleRow],
    access: Access,
    *,
    short_name: str,
    after: OverlayTemplateId | None,
    limit: int,
) -> list[Stored[OverlayTemplate]]:
    """Return templates that the caller may read, oldest first, from behind `after`.

    An empty `short_name` finds all of them.
    """
    return await fetch_all(
        conn,
        _stored,
        """
        SELECT t.id, t.project_id, t.short_name, t.display_name, t.revision, r.overlay,
               t.version, t.created_at, t.updated_at
        FROM overlay_templates t
        JOIN overlay_template_revisions r
            ON (r.team_id, r.overlay_template_id, r.revision) = (t.team_id, t.id, t.revision)
        WHERE t.team_id = %(team_id)s
          AND (%(allowed_everywhere)s OR t.project_id = ANY(%(allowed_on)s)
               OR (t.project_id IS NULL AND %(allowed_on_shared)s))
          AND (%(short_name)s = '' OR t.short_name = %(short_name)s)
          AND (%(after)s::text IS NULL OR t.id > %(after)s)
        ORDER BY t.id
        LIMIT %(limit)s
        """,
        {"short_name": short_name, "after": after, "limit": limit},
        access=access,
    )


async def find_revisions(
    conn: AsyncConnection[TupleRow],
    access: Access,
    template_id: OverlayTemplateId,
    *,
    before: int | None,
    limit: int,
) -> list[OverlayTemplateRevision]:
    """Return revisions of a template that the caller may read, newest first, below `before`."""
    return await fetch_all(
        conn,
        _revision,
        """
        SELECT r.revision, r.overlay, r.creator, r.created_at
        FROM overlay_templates t
        JOIN overlay_template_revisions r
            ON r.team_id = t.team_id AND r.overlay_template_id = t.id
        WHERE t.team_id = %(team_id)s AND t.id = %(template_id)s
          AND (%(allowed_everywhere)s OR t.project_id = ANY(%(allowed_on)s)
               OR (t.project_id IS NULL AND %(allowed_on_shared)s))
          AND (%(before)s::integer IS NULL OR r.revision < %(before)s)
        ORDER BY r.revision DESC
        LIMIT %(limit)s
        """,
        {"template_id": template_id, "before": before, "limit": limit},
        access=access,
    )


async def insert(
    conn: AsyncConnection[TupleRow], access: Access, template: OverlayTemplate
) -> Stored[OverlayTemplate]:
    """Add a template with its first revision.

    Raises:
        PermissionDenied: The caller must not, for this project or for the whole team.
        AlreadyExists: The short name or the id is taken.
        NotFound: Its project was deleted just now.
    """
    taken = {
        "overlay_templates_short_name": ("short_name", template.short_name),
        "overlay_templates_pkey": ("id", template.id),
    }
    project = Resource(type="Project", name=template.project_id or "")
    with (
        conflicts_named("OverlayTemplate", taken),
        references_named({"overlay_templates_project": project}),
    ):
        return await write_one(
            conn,
            _stored,
            """
            WITH template AS (
                INSERT INTO overlay_templates
                    (team_id, id, project_id, short_name, display_name, revision)
                SELECT %(team_id)s, %(id)s, %(project_id)s, %(short_name)s, %(display_name)s,
                       %(revision)s
                WHERE %(allowed_everywhere)s OR %(project_id)s::text = ANY(%(allowed_on)s)
                RETURNING team_id, id, project_id, short_name, display_name, revision,
                          version, created_at, updated_at
            ), revision AS (
                INSERT INTO overlay_template_revisions
                    (team_id, overlay_template_id, revision, overlay, creator)
                SELECT team_id, id, revision, %(overlay)s, %(caller)s
                FROM template
                RETURNING overlay
            )
            SELECT t.id, t.project_id, t.short_name, t.display_name, t.revision, r.overlay,
                   t.version, t.created_at, t.updated_at
            FROM template t CROSS JOIN revision r
            """,
            _columns(template),
            access=access,
        )


async def update(
    conn: AsyncConnection[TupleRow],
    access: Access,
    seen: Stored[OverlayTemplate],
    template: OverlayTemplate,
) -> Stored[OverlayTemplate]:
    """Write what can change of a template, if it is still as `seen`.

    Another `overlay` in it becomes the next revision.

    Raises:
        Aborted: It is not (CONFLICT_RETRY).
    """
    changed = template.overlay != seen.value.overlay
    wanted = replace(template, revision=seen.value.revision + changed)
    return await write_one(
        conn,
        _stored,
        """
        WITH template AS (
            UPDATE overlay_templates t
            SET display_name = %(display_name)s, revision = %(revision)s,
                version = t.version + 1, updated_at = now()
            WHERE t.team_id = %(team_id)s AND t.id = %(id)s AND t.version = %(version)s
              AND (%(allowed_everywhere)s OR t.project_id = ANY(%(allowed_on)s))
            RETURNING team_id, id, project_id, short_name, display_name, revision,
                      version, created_at, updated_at
        ), revision AS (
            INSERT INTO overlay_template_revisions
                (team_id, overlay_template_id, revision, overlay, creator)
            SELECT team_id, id, revision, %(overlay)s, %(caller)s
            FROM template
            WHERE %(changed)s
        )
        SELECT t.id, t.project_id, t.short_name, t.display_name, t.revision,
               %(overlay)s AS overlay, t.version, t.created_at, t.updated_at
        FROM template t
        """,
        {**_columns(wanted), "version": seen.version, "changed": changed},
        access=access,
        otherwise=overtaken(resource(template.id)),
    )


async def delete(
    conn: AsyncConnection[TupleRow], access: Access, template_id: OverlayTemplateId
) -> None:
    """Delete a template that is locked, with all of its revisions.

    Raises:
        PermissionDenied: The caller must not.
    """
    await delete_one(
        conn,
        """
        WITH template AS (
            DELETE FROM overlay_templates t
            WHERE t.team_id = %(team_id)s AND t.id = %(template_id)s
              AND (%(allowed_everywhere)s OR t.project_id = ANY(%(allowed_on)s))
            RETURNING t.team_id, t.id
        )
        DELETE FROM overlay_template_revisions r
        USING template t
        WHERE r.team_id = t.team_id AND r.overlay_template_id = t.id
        """,
        {"template_id": template_id},
        access=access,
        resource=resource(template_id),
    )


def _columns(template: OverlayTemplate) -> dict[str, Any]:
    return {
        "id": template.id,
        "project_id": template.project_id,
        "short_name": template.short_name,
        "display_name": template.display_name,
        "revision": template.revision,
        "overlay": Jsonb(template.overlay.to_json()),
    }


def _stored(
    *,
    overlay: Mapping[str, Any],
    version: int,
    created_at: datetime,
    updated_at: datetime,
    **columns: Any,
) -> Stored[OverlayTemplate]:
    return Stored(
        value=OverlayTemplate(overlay=Overlay.from_json(overlay), **columns),
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )


def _stored_if_there(
    *, overlay: Mapping[str, Any] | None, **columns: Any
) -> Stored[OverlayTemplate] | None:
    return None if overlay is None else _stored(overlay=overlay, **columns)


def _revision(*, overlay: Mapping[str, Any], **columns: Any) -> OverlayTemplateRevision:
    return OverlayTemplateRevision(overlay=Overlay.from_json(overlay), **columns)
