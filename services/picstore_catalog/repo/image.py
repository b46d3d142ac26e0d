"""Pictures in Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from picstore_catalog.model.derived import DerivedFrom
from picstore_catalog.model.description import Description, comparable
from picstore_catalog.model.image import Image, Placeholder, Settled
from picstore_catalog.model.stored import Stored
from picstore_catalog.model.upload import FIRST_GENERATION
from picstore_catalog.repo.image_row import DERIVED_COLUMNS, selecting, stored
from picstore_kit.errors import Resource
from picstore_kit.ids import ImageId, ProjectId, UploadProfileId
from picstore_kit.pg.access import Access, fetch_one


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImage:
    """What is known of a picture before its bytes have come."""

    id: ImageId
    upload_profile_id: UploadProfileId
    filename: str
    location: str
    description: Description
    derived_from: DerivedFrom | None = None


def resource(image_id: str) -> Resource:
    """Name a picture in an error."""
    return Resource(type="Image", name=image_id)


_FETCH: Final = selecting(
    """
    , (%(allowed_everywhere)s OR i.project_id = ANY(%(allowed_on)s)) AS allowed
    FROM images i
    WHERE i.team_id = %(team_id)s AND i.id = %(id)s
      AND (%(visible_everywhere)s OR i.project_id = ANY(%(visible_on)s))
    """
)


async def insert(
    conn: AsyncConnection[TupleRow], access: Access, new: NewImage, *, project_id: ProjectId
) -> bool:
    """Add a picture that is AWAITING_UPLOAD, where the caller may; leave one of the same id alone.

    Whoever adds the same id at the same time waits here. Return whether it was added.
    """
    cursor = await conn.execute(
        """
        INSERT INTO images (id, team_id, project_id, upload_profile_id, filename, filename_key,
                            location, alt_text, alt_texts, tags, metadata, focal_x, focal_y, state,
                            base_image_id, base_generation, base_sha256, overlay_template_id,
                            overlay_template_revision, overlay_variables)
        SELECT %(id)s, p.team_id, p.id, %(upload_profile_id)s, %(filename)s, %(filename_key)s,
               %(location)s, %(alt_text)s, %(alt_texts)s, %(tags)s, %(metadata)s, %(focal_x)s,
               %(focal_y)s, 'AWAITING_UPLOAD', %(base_image_id)s, %(base_generation)s,
               %(base_sha256)s, %(overlay_template_id)s, %(overlay_template_revision)s,
               %(overlay_variables)s
        FROM projects p
        WHERE p.team_id = %(team_id)s AND p.id = %(project_id)s
          AND (%(allowed_everywhere)s OR p.id = ANY(%(allowed_on)s))
        ON CONFLICT (id) DO NOTHING
        """,
        {
            **access.parameters(),
            "id": new.id,
            "project_id": project_id,
            "upload_profile_id": new.upload_profile_id,
            "filename": new.filename,
            "filename_key": comparable(new.filename),
            "location": new.location,
            **_described(new.description),
            **_derived(new.derived_from),
        },
    )
    if cursor.rowcount == 0:
        return False
    await _set_tag_keys(conn, new.id, new.description.tags)
    return True


async def begin_generation(
    conn: AsyncConnection[TupleRow], image_id: ImageId, generation: int, *, alt_text: str
) -> None:
    """Make a generation of a locked picture the pending one; an empty alt text changes none.

    What is served stays so. A picture that serves nothing is CONVERTING, and what is known of the
    original has been shown before.
    """
    await conn.execute(
        """
        UPDATE images
        SET state = CASE state WHEN 'READY' THEN state ELSE 'CONVERTING' END,
            failure_reason = NULL,
            failure_message = NULL,
            generation = CASE state WHEN 'READY' THEN generation ELSE 0 END,
            pending_generation = %(generation)s,
            last_generation = %(generation)s,
            alt_text = coalesce(nullif(%(alt_text)s, ''), alt_text),
            version = version + 1,
            updated_at = clock_timestamp()
        WHERE id = %(id)s
        """,
        {"id": image_id, "generation": generation, "alt_text": alt_text},
    )


async def show_original(
    conn: AsyncConnection[TupleRow], image_id: ImageId, generation: int
) -> None:
    """Describe a locked picture, for lists and lookups, by the original of a generation."""
    await conn.execute(
        """
        UPDATE images i
        SET filename = o.filename,
            filename_key = o.filename_key,
            upload_id = o.upload_id,
            originals_location_id = o.location_id,
            original_key = o.object_key,
            format = o.format,
            width = o.width,
            height = o.height,
            frames = o.frames,
            has_alpha = o.has_alpha,
            has_gps = o.has_gps,
            trailing_bytes = o.trailing_bytes,
            size_bytes = o.size_bytes,
            sha256 = o.sha256,
            thumbhash = o.thumbhash,
            dominant_colour = o.dominant_colour,
            palette = o.palette,
            preview = o.preview,
            conversion_profile_id = o.conversion_profile_id,
            conversion_profile_revision = o.conversion_profile_revision,
            committed_at = o.committed_at
        FROM originals o
        WHERE i.id = %(id)s AND o.image_id = i.id AND o.generation = %(generation)s
        """,
        {"id": image_id, "generation": generation},
    )


async def next_generation(conn: AsyncConnection[TupleRow], image_id: ImageId) -> int:
    """Return the number of the generation that would be the next; 1 where there is no picture."""
    cursor = await conn.execute(
        """
        SELECT greatest(last_generation, generation, pending_generation) + 1
        FROM images
        WHERE id = %s
        """,
        (image_id,),
    )
    row = await cursor.fetchone()
    return FIRST_GENERATION if row is None else int(row[0])


async def delete_announced(conn: AsyncConnection[TupleRow], image_id: ImageId) -> None:
    """Delete a locked picture whose bytes never came."""
    await conn.execute(
        "DELETE FROM images WHERE id = %s AND state = 'AWAITING_UPLOAD'", (image_id,)
    )


async def settle(conn: AsyncConnection[TupleRow], image_id: ImageId, settled: Settled) -> None:
    """Let pages see the pending generation, or say why they cannot."""
    failure = settled.failure
    await conn.execute(
        """
        UPDATE images
        SET state = %(state)s,
            failure_reason = %(reason)s,
            failure_message = %(message)s,
            generation = CASE WHEN %(keeps_served)s THEN generation ELSE pending_generation END,
            pending_generation = 0,
            ready_at = CASE WHEN %(keeps_served)s THEN ready_at
                            WHEN %(state)s = 'READY' THEN clock_timestamp() END,
            version = version + 1,
            updated_at = clock_timestamp()
        WHERE id = %(id)s
        """,
        {
            "id": image_id,
            "state": settled.state.value,
            "reason": failure.reason.value if failure else None,
            "message": failure.message if failure else None,
            "keeps_served": settled.keeps_served,
        },
    )


async def set_placeholder(
    conn: AsyncConnection[TupleRow], image_id: ImageId, placeholder: Placeholder
) -> None:
    """Record what to show until the picture is there."""
    await conn.execute(
        """
        UPDATE images
        SET thumbhash = %s, dominant_colour = %s, palette = %s, preview = %s,
            version = version + 1, updated_at = clock_timestamp()
        WHERE id = %s
        """,
        (
            placeholder.thumbhash,
            placeholder.dominant_colour,
            list(placeholder.palette),
            placeholder.preview or None,
            image_id,
        ),
    )


async def fetch(
    conn: AsyncConnection[TupleRow], access: Access, image_id: ImageId
) -> Stored[Image]:
    """Return a picture without its outputs.

    Raises:
        NotFound: There is none that the caller can see.
        PermissionDenied: The caller lacks the permission.
    """
    return await fetch_one(
        conn,
        stored,
        _FETCH,
        {"id": image_id},
        access=access,
        resource=resource(image_id),
    )


async def fetch_locked(
    conn: AsyncConnection[TupleRow], access: Access, image_id: ImageId
) -> Stored[Image]:
    """Return a picture as `fetch` does, which nobody else changes before the transaction ends.

    Raises:
        NotFound, PermissionDenied: See `fetch`.
    """
    return await fetch_one(
        conn,
        stored,
        _FETCH + " FOR NO KEY UPDATE",
        {"id": image_id},
        access=access,
        resource=resource(image_id),
    )


async def describe(
    conn: AsyncConnection[TupleRow], access: Access, image_id: ImageId, description: Description
) -> Stored[Image]:
    """Change what is said of a picture that `fetch_locked` returned; return it as it is now."""
    await conn.execute(
        """
        UPDATE images
        SET alt_text = %(alt_text)s, alt_texts = %(alt_texts)s, tags = %(tags)s,
            metadata = %(metadata)s, focal_x = %(focal_x)s, focal_y = %(focal_y)s,
            version = version + 1, updated_at = clock_timestamp()
        WHERE team_id = %(team_id)s AND id = %(id)s
          AND (%(allowed_everywhere)s OR project_id = ANY(%(allowed_on)s))
        """,
        {**access.parameters(), "id": image_id, **_described(description)},
    )
    await _set_tag_keys(conn, image_id, description.tags)
    return await fetch(conn, access, image_id)


async def _set_tag_keys(
    conn: AsyncConnection[TupleRow], image_id: ImageId, tags: Sequence[str]
) -> None:
    """Have lists find a picture by these tags and no others."""
    await conn.execute(
        """
        WITH wanted AS (SELECT unnest(%(keys)s::text[]) AS tag_key),
        gone AS (
            DELETE FROM image_tags
            WHERE image_id = %(id)s AND tag_key NOT IN (SELECT tag_key FROM wanted)
        )
        INSERT INTO image_tags (team_id, project_id, image_id, tag_key)
        SELECT i.team_id, i.project_id, i.id, wanted.tag_key
        FROM images i, wanted
        WHERE i.id = %(id)s
        ON CONFLICT DO NOTHING
        """,
        {"id": image_id, "keys": [comparable(tag) for tag in tags]},
    )


def _described(description: Description) -> dict[str, Any]:
    """Return a description as the parameters of a statement."""
    point = description.focal_point
    return {
        "alt_text": description.alt_text,
        "alt_texts": Jsonb(dict(description.alt_texts)),
        "tags": list(description.tags),
        "metadata": Jsonb(dict(description.metadata)),
        "focal_x": None if point is None else point.x,
        "focal_y": None if point is None else point.y,
    }


def _derived(derived_from: DerivedFrom | None) -> dict[str, Any]:
    """Return what a picture was derived from as the parameters of a statement."""
    if derived_from is None:
        return dict.fromkeys(DERIVED_COLUMNS)
    return {
        "base_image_id": derived_from.image_id,
        "base_generation": derived_from.generation,
        "base_sha256": derived_from.sha256,
        "overlay_template_id": derived_from.overlay_template_id,
        "overlay_template_revision": derived_from.overlay_template_revision,
        "overlay_variables": Jsonb(dict(derived_from.variables)),
    }
