"""Pictures in Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, kwargs_row

from picstore_catalog.model.image import (
    Image,
    ImageState,
    Original,
    Placeholder,
    Settled,
)
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo.access import Access, fetch_all, fetch_one, write_one
from picstore_catalog.repo.conflicts import overtaken
from picstore_catalog.repo.image_row import stored
from picstore_kit.errors import NotFound, Resource
from picstore_kit.ids import (
    ImageId,
    ProjectId,
    TeamId,
    UploadId,
    UploadProfileId,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedImage:
    """What deciding about a picture needs, while its row is locked."""

    id: ImageId
    team_id: TeamId
    project_id: ProjectId
    upload_profile_id: UploadProfileId
    upload_id: UploadId | None
    """The upload that its original came by."""
    state: ImageState
    generation: int
    pending_generation: int

    def is_stale(self, generation: int) -> bool:
        """Whether the outputs of `generation` are of no use any more."""
        return generation not in (self.generation, self.pending_generation)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImage:
    """What is known of a picture before its bytes have come."""

    id: ImageId
    upload_profile_id: UploadProfileId
    filename: str
    location: str
    alt_text: str


def resource(image_id: str) -> Resource:
    """Name a picture in an error."""
    return Resource(type="Image", name=image_id)


async def insert(
    conn: AsyncConnection[TupleRow], access: Access, new: NewImage, *, project_id: ProjectId
) -> None:
    """Add a picture that is AWAITING_UPLOAD, where the caller may; leave one of the same id alone.

    Whoever adds the same id at the same time waits here.
    """
    await conn.execute(
        """
        INSERT INTO images (id, team_id, project_id, upload_profile_id, filename, location,
                            alt_text, state)
        SELECT %(id)s, p.team_id, p.id, %(upload_profile_id)s, %(filename)s, %(location)s,
               %(alt_text)s, 'AWAITING_UPLOAD'
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
            "location": new.location,
            "alt_text": new.alt_text,
        },
    )


async def commit_original(
    conn: AsyncConnection[TupleRow],
    image_id: ImageId,
    *,
    upload_id: UploadId,
    generation: int,
    original: Original,
    alt_text: str,
) -> None:
    """Record the stored original and begin the generation; an empty alt text changes none."""
    await conn.execute(
        """
        UPDATE images
        SET state = 'CONVERTING',
            alt_text = coalesce(nullif(%(alt_text)s, ''), alt_text),
            upload_id = %(upload_id)s,
            originals_location_id = %(originals_location_id)s,
            original_key = %(original_key)s,
            format = %(format)s,
            width = %(width)s,
            height = %(height)s,
            frames = %(frames)s,
            has_alpha = %(has_alpha)s,
            has_gps = %(has_gps)s,
            size_bytes = %(size_bytes)s,
            sha256 = %(sha256)s,
            pending_generation = %(generation)s,
            version = version + 1,
            updated_at = clock_timestamp(),
            committed_at = clock_timestamp()
        WHERE id = %(id)s
        """,
        {
            "id": image_id,
            "alt_text": alt_text,
            "upload_id": upload_id,
            "originals_location_id": original.location_id,
            "original_key": original.object_key,
            "format": original.format.value,
            "width": original.width,
            "height": original.height,
            "frames": original.frames,
            "has_alpha": original.has_alpha,
            "has_gps": original.has_gps,
            "size_bytes": original.size_bytes,
            "sha256": original.sha256,
            "generation": generation,
        },
    )


async def find_upload(conn: AsyncConnection[TupleRow], upload_id: UploadId) -> ImageId | None:
    """Return the picture that an upload was committed to, if it was."""
    cursor = await conn.execute("SELECT id FROM images WHERE upload_id = %s", (upload_id,))
    row = await cursor.fetchone()
    return None if row is None else ImageId(row[0])


async def lock(conn: AsyncConnection[TupleRow], image_id: ImageId) -> LockedImage:
    """Lock a picture for a decision about it. Whoever also locks a job locks the job first.

    Raises:
        NotFound: There is no such picture within the transaction's reach.
    """
    async with conn.cursor(row_factory=kwargs_row(_locked)) as cursor:
        await cursor.execute(
            """
            SELECT id, team_id, project_id, upload_profile_id, upload_id, state, generation,
                   pending_generation
            FROM images
            WHERE id = %s
            FOR NO KEY UPDATE
            """,
            (image_id,),
        )
        row = await cursor.fetchone()
    if row is None:
        raise NotFound.of("Image", image_id)
    return row


async def settle(conn: AsyncConnection[TupleRow], image_id: ImageId, settled: Settled) -> None:
    """Let pages see the pending generation, or say why they cannot."""
    failure = settled.failure
    await conn.execute(
        """
        UPDATE images
        SET state = %(state)s,
            failure_reason = %(reason)s,
            failure_message = %(message)s,
            generation = pending_generation,
            pending_generation = 0,
            ready_at = CASE WHEN %(state)s = 'READY' THEN clock_timestamp() END,
            version = version + 1,
            updated_at = clock_timestamp()
        WHERE id = %(id)s
        """,
        {
            "id": image_id,
            "state": settled.state.value,
            "reason": failure.reason.value if failure else None,
            "message": failure.message if failure else None,
        },
    )


async def set_placeholder(
    conn: AsyncConnection[TupleRow], image_id: ImageId, placeholder: Placeholder
) -> None:
    """Record what to show until the picture is there."""
    await conn.execute(
        """
        UPDATE images
        SET thumbhash = %s, dominant_colour = %s,
            version = version + 1, updated_at = clock_timestamp()
        WHERE id = %s
        """,
        (placeholder.thumbhash, placeholder.dominant_colour, image_id),
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
        """
        SELECT i.id, i.project_id, i.upload_profile_id, i.filename, i.location, i.alt_text, i.state,
               i.failure_reason, i.failure_message, i.originals_location_id, i.original_key,
               i.format, i.width, i.height, i.frames, i.has_alpha, i.has_gps, i.size_bytes,
               i.sha256, i.thumbhash, i.dominant_colour, i.generation, i.pending_generation,
               i.version, i.created_at, i.updated_at, i.committed_at, i.ready_at,
               (%(allowed_everywhere)s OR i.project_id = ANY(%(allowed_on)s)) AS allowed
        FROM images i
        WHERE i.team_id = %(team_id)s AND i.id = %(id)s
          AND (%(visible_everywhere)s OR i.project_id = ANY(%(visible_on)s))
        """,
        {"id": image_id},
        access=access,
        resource=resource(image_id),
    )


async def find_all(
    conn: AsyncConnection[TupleRow],
    access: Access,
    project_id: ProjectId,
    *,
    state: ImageState | None,
    before: ImageId | None,
    limit: int,
) -> list[Stored[Image]]:
    """Return pictures of a project, newest first, that were made before `before`."""
    return await fetch_all(
        conn,
        stored,
        """
        SELECT i.id, i.project_id, i.upload_profile_id, i.filename, i.location, i.alt_text, i.state,
               i.failure_reason, i.failure_message, i.originals_location_id, i.original_key,
               i.format, i.width, i.height, i.frames, i.has_alpha, i.has_gps, i.size_bytes,
               i.sha256, i.thumbhash, i.dominant_colour, i.generation, i.pending_generation,
               i.version, i.created_at, i.updated_at, i.committed_at, i.ready_at
        FROM images i
        WHERE i.team_id = %(team_id)s AND i.project_id = %(project_id)s
          AND (%(allowed_everywhere)s OR i.project_id = ANY(%(allowed_on)s))
          AND (%(state)s::text IS NULL OR i.state = %(state)s)
          AND (%(before)s::text IS NULL OR i.id < %(before)s)
        ORDER BY i.id DESC
        LIMIT %(limit)s
        """,
        {
            "project_id": project_id,
            "state": None if state is None else state.value,
            "before": before,
            "limit": limit,
        },
        access=access,
    )


async def find_by_sha256(
    conn: AsyncConnection[TupleRow],
    access: Access,
    project_id: ProjectId,
    sha256s: Sequence[bytes],
    *,
    upload_profile: str,
) -> list[Stored[Image]]:
    """Return the newest picture of each hash that the project knows and that did not fail.

    `upload_profile`, an id or a short name, leaves out what came by another; empty leaves none out.
    """
    return await fetch_all(
        conn,
        stored,
        """
        SELECT i.id, i.project_id, i.upload_profile_id, i.filename, i.location, i.alt_text, i.state,
               i.failure_reason, i.failure_message, i.originals_location_id, i.original_key,
               i.format, i.width, i.height, i.frames, i.has_alpha, i.has_gps, i.size_bytes,
               i.sha256, i.thumbhash, i.dominant_colour, i.generation, i.pending_generation,
               i.version, i.created_at, i.updated_at, i.committed_at, i.ready_at
        FROM unnest(%(sha256s)s::bytea[]) AS wanted (sha256)
        CROSS JOIN LATERAL (
            SELECT *
            FROM images
            WHERE team_id = %(team_id)s AND project_id = %(project_id)s
              AND images.sha256 = wanted.sha256 AND state <> 'FAILED'
              AND (%(upload_profile)s = '' OR upload_profile_id IN (
                  SELECT u.id
                  FROM upload_profiles u
                  WHERE u.team_id = %(team_id)s AND u.project_id = %(project_id)s
                    AND %(upload_profile)s IN (u.id, u.short_name)))
            ORDER BY id DESC
            LIMIT 1
        ) i
        WHERE (%(allowed_everywhere)s OR i.project_id = ANY(%(allowed_on)s))
        """,
        {
            "project_id": project_id,
            "sha256s": list(sha256s),
            "upload_profile": upload_profile,
        },
        access=access,
    )


async def set_alt_text(
    conn: AsyncConnection[TupleRow], access: Access, seen: Stored[Image], alt_text: str
) -> Stored[Image]:
    """Change what a picture is said to show, if it is still as `seen`.

    Raises:
        Aborted: It is not (CONFLICT_RETRY).
    """
    return await write_one(
        conn,
        stored,
        """
        UPDATE images i
        SET alt_text = %(alt_text)s, version = version + 1, updated_at = clock_timestamp()
        WHERE i.team_id = %(team_id)s AND i.id = %(id)s AND i.version = %(version)s
          AND (%(allowed_everywhere)s OR i.project_id = ANY(%(allowed_on)s))
        RETURNING i.id, i.project_id, i.upload_profile_id, i.filename, i.location, i.alt_text,
                  i.state, i.failure_reason, i.failure_message, i.originals_location_id,
                  i.original_key, i.format, i.width, i.height, i.frames, i.has_alpha, i.has_gps,
                  i.size_bytes, i.sha256, i.thumbhash, i.dominant_colour, i.generation,
                  i.pending_generation, i.version, i.created_at, i.updated_at, i.committed_at,
                  i.ready_at
        """,
        {"id": seen.value.id, "alt_text": alt_text, "version": seen.version},
        access=access,
        otherwise=overtaken(resource(seen.value.id)),
    )


def _locked(*, state: str, **columns: Any) -> LockedImage:
    return LockedImage(state=ImageState(state), **columns)
