"""Lists of pictures: a statement for each choice of filters and order, put together of literals.

Every order has an index that begins with the project, ends with the id and has the key between, so
a page begins where the one before ended without reading what is before it. A condition is in the
statement only if it is asked for: Postgres plans each choice by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_catalog.model.description import comparable
from picstore_catalog.model.image_list import (
    ImageFilter,
    ImageOrder,
    ListedImage,
    Position,
    SortKey,
)
from picstore_catalog.repo.image_row import selecting, stored
from picstore_kit.ids import ProjectId, UploadProfileId
from picstore_kit.pg.access import Access, fetch_all


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """One way to sort, as SQL."""

    position: LiteralString
    """The key of a row as text."""
    after: LiteralString
    """Whether a row follows the last one of the page before."""
    by: LiteralString


_ORDERS: Final = {
    ImageOrder(key=SortKey.CREATE_TIME, descending=True): _Order(
        position="i.created_at::text",
        after="(i.created_at, i.id) < (%(after)s::timestamptz, %(after_id)s::text)",
        by="i.created_at DESC, i.id DESC",
    ),
    ImageOrder(key=SortKey.CREATE_TIME, descending=False): _Order(
        position="i.created_at::text",
        after="(i.created_at, i.id) > (%(after)s::timestamptz, %(after_id)s::text)",
        by="i.created_at, i.id",
    ),
    ImageOrder(key=SortKey.FILENAME, descending=True): _Order(
        position="i.filename_key",
        after="(i.filename_key, i.id) < (%(after)s::text, %(after_id)s::text)",
        by="i.filename_key DESC, i.id DESC",
    ),
    ImageOrder(key=SortKey.FILENAME, descending=False): _Order(
        position="i.filename_key",
        after="(i.filename_key, i.id) > (%(after)s::text, %(after_id)s::text)",
        by="i.filename_key, i.id",
    ),
    ImageOrder(key=SortKey.SIZE_BYTES, descending=True): _Order(
        position="i.size_key::text",
        after="(i.size_key, i.id) < (%(after)s::bigint, %(after_id)s::text)",
        by="i.size_key DESC, i.id DESC",
    ),
    ImageOrder(key=SortKey.SIZE_BYTES, descending=False): _Order(
        position="i.size_key::text",
        after="(i.size_key, i.id) > (%(after)s::bigint, %(after_id)s::text)",
        by="i.size_key, i.id",
    ),
}


async def find(
    conn: AsyncConnection[TupleRow],
    access: Access,
    project_id: ProjectId,
    wanted: ImageFilter,
    *,
    upload_profile_id: UploadProfileId | None,
    order: ImageOrder,
    after: Position | None,
    limit: int,
) -> list[ListedImage]:
    """Return pictures of a project that follow `after`, where the caller is allowed to see them.

    `upload_profile_id` is what the filter's upload profile turned out to be.
    """
    tag_keys = await _rarest_first(conn, project_id, [comparable(tag) for tag in wanted.tags])
    conditions, parameters = _conditions(wanted, upload_profile_id, tag_keys)
    ordered = _ORDERS[order]
    if after is not None:
        conditions.append(ordered.after)
        parameters |= {"after": after.value, "after_id": after.id}
    statement = selecting(
        "".join(
            (
                ", ",
                ordered.position,
                """ AS position
                FROM images i
                WHERE i.team_id = %(team_id)s AND i.project_id = %(project_id)s
                  AND (%(allowed_everywhere)s OR i.project_id = ANY(%(allowed_on)s))
                """,
                *(" AND " + condition for condition in conditions),
                " ORDER BY ",
                ordered.by,
                " LIMIT %(limit)s",
            )
        )
    )
    return await fetch_all(
        conn,
        _listed,
        statement,
        {"project_id": project_id, "limit": limit, **parameters},
        access=access,
    )


def _conditions(
    wanted: ImageFilter, upload_profile_id: UploadProfileId | None, tag_keys: Sequence[str]
) -> tuple[list[LiteralString], dict[str, Any]]:
    conditions: list[LiteralString] = []
    parameters: dict[str, Any] = {}

    def require(condition: LiteralString, **values: Any) -> None:
        conditions.append(condition)
        parameters.update(values)

    if wanted.state is not None:
        require("i.state = %(state)s", state=wanted.state.value)
    if wanted.format is not None:
        require("i.format = %(format)s", format=wanted.format.value)
    if wanted.start_time is not None:
        require("i.created_at >= %(start_time)s", start_time=wanted.start_time)
    if wanted.end_time is not None:
        require("i.created_at < %(end_time)s", end_time=wanted.end_time)
    if wanted.filename_contains:
        # No pattern, so nothing in it has a meaning of its own.
        require("strpos(i.filename_key, %(part)s) > 0", part=wanted.filename_contains)
    if wanted.sha256 is not None:
        require("i.sha256 = %(sha256)s", sha256=wanted.sha256)
    if upload_profile_id is not None:
        require("i.upload_profile_id = %(upload_profile_id)s", upload_profile_id=upload_profile_id)
    if wanted.conversion_profile_id is not None:
        require(
            "i.conversion_profile_id = %(conversion_profile_id)s",
            conversion_profile_id=wanted.conversion_profile_id,
        )
    if tag_keys:
        first, *others = tag_keys
        require(
            """i.id IN (
                SELECT t.image_id
                FROM image_tags t
                WHERE t.project_id = %(project_id)s AND t.tag_key = %(tag)s)
            """,
            tag=first,
        )
        if others:
            require(
                """NOT EXISTS (
                    SELECT FROM unnest(%(other_tags)s::text[]) AS other (tag_key)
                    WHERE NOT EXISTS (
                        SELECT FROM image_tags t
                        WHERE t.image_id = i.id AND t.tag_key = other.tag_key))
                """,
                other_tags=others,
            )
    return conditions, parameters


async def _rarest_first(
    conn: AsyncConnection[TupleRow], project_id: ProjectId, tag_keys: Sequence[str]
) -> Sequence[str]:
    """Order tags so that the first, from which Postgres may start, has the fewest pictures.

    None is counted beyond 1,000: that many can be read for every page.
    """
    if len(tag_keys) < 2:
        return tag_keys
    cursor = await conn.execute(
        """
        SELECT wanted.tag_key
        FROM unnest(%(keys)s::text[]) AS wanted (tag_key)
        ORDER BY (
            SELECT count(*)
            FROM (
                SELECT FROM image_tags t
                WHERE t.project_id = %(project_id)s AND t.tag_key = wanted.tag_key
                LIMIT 1000
            ) AS few)
        """,
        {"keys": tag_keys, "project_id": project_id},
    )
    return [tag_key for (tag_key,) in await cursor.fetchall()]


def _listed(*, position: str, **columns: Any) -> ListedImage:
    return ListedImage(stored=stored(**columns), position=position)
