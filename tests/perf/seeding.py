"""A project with as many pictures as one likes, put straight into the catalog's tables."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_kit.ids import ImageId, new_id

_EXTRA: Final = 100
"""Pictures beyond those asked for, so that a page follows the deepest."""
_CHUNK: Final = 50_000
_PATIENCE_S: Final = 600.0
_SAMPLE: Final = 5_000

_COPY: Final = """
    COPY images (id, team_id, project_id, upload_profile_id, filename, filename_key, location,
                 state, upload_id, originals_location_id, original_key, format, width, height,
                 frames, has_alpha, has_gps, size_bytes, sha256, generation, conversion_profile_id,
                 conversion_profile_revision, created_at, committed_at, ready_at)
    FROM STDIN
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """Where the pictures are."""

    team_id: str
    project_id: str
    image_ids: tuple[str, ...]
    """Some of them."""
    deepest: tuple[str, str]
    """When the last picture but a page or two was made, as a page token has it, and its id."""


def known_hash(number: int) -> bytes:
    """Return the hash of the original of a picture, counted from 0."""
    return hashlib.sha256(str(number).encode()).digest()


async def seed(admin: AsyncConnection[TupleRow], count: int) -> Seeded:
    """Add `count` pictures and a few more to the only project that there is, and show progress.

    `admin` is a superuser's: it neither checks references nor is bound by row-level security.

    Raises:
        TimeoutError: It takes more than ten minutes.
    """
    await admin.execute("SET search_path = catalog")
    await admin.execute("SET session_replication_role = replica")
    await admin.execute("SET synchronous_commit = off")
    cursor = await admin.execute(
        "SELECT team_id, project_id, id, originals_location_id, conversion_profile_id"
        " FROM upload_profiles ORDER BY id LIMIT 1"
    )
    row = await cursor.fetchone()
    assert row is not None
    team_id, project_id, upload_profile_id, location_id, conversion_profile_id = row
    shared = "\t".join((team_id, project_id, upload_profile_id))
    stored = f"{location_id}\toriginals/photo.jpg\tjpeg\t4000\t3000\t1\tf\tf"
    total = count + _EXTRA
    oldest = datetime.now(UTC) - timedelta(seconds=total)
    ids = [new_id(ImageId) for _ in range(total)]

    def lines(numbers: range) -> Iterator[str]:
        for number in numbers:
            image_id = ids[number]
            name = f"photo-{number:07}.jpg"
            made = (oldest + timedelta(seconds=number)).isoformat()
            yield (
                f"{image_id}\t{shared}\t{name}\t{name}\t\tREADY\tupl_{image_id[4:]}\t{stored}\t"
                f"{1_000_000 + number % 5_000_000}\t\\\\x{known_hash(number).hex()}\t1\t"
                f"{conversion_profile_id}\t1\t{made}\t{made}\t{made}\n"
            )

    began = time.monotonic()
    for start in range(0, total, _CHUNK):
        async with admin.cursor().copy(_COPY) as copy:
            await copy.write("".join(lines(range(start, min(start + _CHUNK, total)))))
        took = time.monotonic() - began
        print(
            f"\rseeded {min(start + _CHUNK, total):,} of {total:,} pictures, {took:.0f} s", end=""
        )
        if took > _PATIENCE_S:
            raise TimeoutError(f"seeding takes more than {_PATIENCE_S:.0f} s")
    print(flush=True)
    await admin.execute("VACUUM (ANALYZE) images")
    await admin.execute("CHECKPOINT")
    cursor = await admin.execute(
        "SELECT created_at::text, id FROM images ORDER BY created_at, id OFFSET %s LIMIT 1",
        (_EXTRA,),
    )
    deepest = await cursor.fetchone()
    assert deepest is not None
    return Seeded(
        team_id=team_id,
        project_id=project_id,
        image_ids=tuple(ids[:: total // _SAMPLE]),
        deepest=(deepest[0], deepest[1]),
    )
