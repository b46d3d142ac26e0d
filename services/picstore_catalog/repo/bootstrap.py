"""What applying the operator's document asks of the database as a whole."""

from __future__ import annotations

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_kit.errors import FailedPrecondition, Reason
from picstore_kit.pg.access import Access


async def take_turns(conn: AsyncConnection[TupleRow], access: Access) -> None:
    """Wait until no other transaction applies a document to the team."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('catalog.bootstrap ' || %s, 0))",
        (access.team_id,),
    )


async def require_usable_references(conn: AsyncConnection[TupleRow], access: Access) -> None:
    """Check that every upload profile's locations and conversion profile are for its project.

    Raises:
        FailedPrecondition: Something was given to another project but is still needed
            (RESOURCE_IN_USE).
    """
    cursor = await conn.execute(
        """
        SELECT r.kind, r.short_name, u.id, u.short_name
        FROM upload_profiles u
        JOIN (
            SELECT 'StorageLocation' AS kind, l.id, l.short_name, l.project_id
            FROM storage_locations l
            WHERE l.team_id = %(team_id)s AND l.project_id IS NOT NULL
            UNION ALL
            SELECT 'ConversionProfile', c.id, c.short_name, c.project_id
            FROM conversion_profiles c
            WHERE c.team_id = %(team_id)s AND c.project_id IS NOT NULL
        ) r ON r.id IN (u.originals_location_id, u.outputs_location_id, u.conversion_profile_id)
            AND r.project_id <> u.project_id
        WHERE u.team_id = %(team_id)s
        ORDER BY r.id, u.id
        LIMIT 1
        """,
        {"team_id": access.team_id},
    )
    row = await cursor.fetchone()
    if row is not None:
        kind, short_name, user_id, user_name = row
        raise FailedPrecondition(
            Reason.RESOURCE_IN_USE,
            f"the upload profile {user_name} of another project uses the {kind} {short_name}",
            metadata={"resource_type": kind, "used_by": user_id},
        )
