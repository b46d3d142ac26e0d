"""Pictures whose rows are locked, for a decision about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, kwargs_row

from picstore_catalog.model.image import ImageState
from picstore_imaging.geometry import Point
from picstore_kit.errors import NotFound
from picstore_kit.ids import ImageId, ProjectId, TeamId, UploadProfileId


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedImage:
    """What deciding about a picture needs, while its row is locked."""

    id: ImageId
    team_id: TeamId
    project_id: ProjectId
    upload_profile_id: UploadProfileId
    filename: str
    location: str
    alt_text: str
    state: ImageState
    generation: int
    pending_generation: int
    last_generation: int
    """The highest number that a generation ever had."""
    focal_point: Point | None = None

    @property
    def serves(self) -> bool:
        """Whether pages have a generation of it."""
        return self.state is ImageState.READY

    @property
    def shown_generation(self) -> int:
        """The generation whose original it is described by; 0 for none."""
        return self.generation if self.serves else self.pending_generation or self.generation

    @property
    def newest_generation(self) -> int:
        """The newest generation of which something came or may still come; 0 for none."""
        return self.pending_generation or (self.generation if self.serves else 0)

    @property
    def next_generation(self) -> int:
        """The number of the one that is committed next."""
        return max(self.last_generation, self.generation, self.pending_generation) + 1

    def is_stale(self, generation: int) -> bool:
        """Whether the outputs of `generation` are of no use any more."""
        return generation not in (self.generation, self.pending_generation)


async def find(conn: AsyncConnection[TupleRow], image_id: ImageId) -> LockedImage | None:
    """Lock a picture for a decision about it, if it is there within the transaction's reach.

    Whoever also locks a job locks the job first.
    """
    async with conn.cursor(row_factory=kwargs_row(_locked)) as cursor:
        await cursor.execute(
            """
            SELECT id, team_id, project_id, upload_profile_id, filename, location, alt_text,
                   state, generation, pending_generation, last_generation, focal_x, focal_y
            FROM images
            WHERE id = %s
            FOR NO KEY UPDATE
            """,
            (image_id,),
        )
        return await cursor.fetchone()


async def lock(conn: AsyncConnection[TupleRow], image_id: ImageId) -> LockedImage:
    """Lock a picture as `find` does.

    Raises:
        NotFound: There is no such picture within the transaction's reach.
    """
    found = await find(conn, image_id)
    if found is None:
        raise NotFound.of("Image", image_id)
    return found


def _locked(
    *, state: str, focal_x: float | None, focal_y: float | None, **columns: Any
) -> LockedImage:
    point = None if focal_x is None or focal_y is None else Point(focal_x, focal_y)
    return LockedImage(state=ImageState(state), focal_point=point, **columns)
