"""Pictures whose originals are replaced."""

from __future__ import annotations

import hashlib
from typing import Any

from picstore.events.v1.event_pb2 import Event
from picstore_catalog.model.image import Image
from picstore_catalog.model.job import Failure
from picstore_catalog.model.permission import Permission
from picstore_catalog.model.picture import PictureOptions
from picstore_catalog.model.upload import Commit
from picstore_catalog.usecases import images as image_cases
from picstore_kit.errors import Reason
from picstore_kit.ids import ImageId, UploadProfileId
from tests.integration.catalog.images.catalog import Catalog, MakeCommit, Team, make_all

UNREADABLE = Failure(reason=Reason.IMAGE_CORRUPT, message="the picture cannot be read")
NEW = b"another photo"
NEWER = b"a third photo"


class Pictures:
    """Commits pictures of one profile, and replaces them."""

    def __init__(
        self, catalog: Catalog, team: Team, make_commit: MakeCommit, profile: UploadProfileId
    ) -> None:
        self.catalog = catalog
        self.team = team
        self.profile = profile
        self._make_commit = make_commit

    async def add(self) -> Image:
        return await self.catalog.commit(self.team, self._make_commit(upload_profile=self.profile))

    def replacement(self, image_id: ImageId, content: bytes = NEW, **fields: Any) -> Commit:
        return self._make_commit(
            upload_profile=self.profile, image_id=image_id, content=content, **fields
        )

    async def replace(self, image_id: ImageId, content: bytes = NEW, **fields: Any) -> Image:
        return await self.catalog.commit(self.team, self.replacement(image_id, content, **fields))

    async def make(self, image_id: ImageId, generation: int, *, lane: str = "fast") -> None:
        await make_all(self.catalog, image_id, generation=generation, lane=lane)

    async def fail(self, image_id: ImageId, generation: int) -> None:
        (job_id,) = (await self.catalog.job_ids(image_id, generation=generation)).values()
        await self.catalog.fail(await self.catalog.claim(job_id), UNREADABLE, retryable=False)

    async def look(self, image_id: ImageId) -> Image:
        return await self.catalog.image(self.team, image_id)

    async def ready(self) -> Image:
        image = await self.add()
        await self.make(image.id, 1)
        return await self.look(image.id)

    async def shown(self, image_id: ImageId) -> tuple[str, set[str]]:
        """What a page gets: the bytes that are served, and the URLs."""
        async with self.catalog.uow.begin(self.team.id) as conn:
            image, picture = await image_cases.get_picture(
                conn, self.team.access(Permission.IMAGE_READ), image_id, PictureOptions()
            )
        assert image.original is not None
        sources = (*picture.sources, picture.fallback)
        urls = {candidate.url for source in sources for candidate in source.candidates}
        return image.original.sha256.hex(), urls

    async def events(self, kind: str) -> list[int]:
        """The generations that events of a kind tell of."""
        rows = await self.catalog.rows(
            "SELECT payload FROM outbox WHERE subject = %s ORDER BY id", f"picstore.event.{kind}"
        )
        field = kind.replace(".", "_")
        return [getattr(Event.FromString(bytes(row)), field).generation for (row,) in rows]

    async def states(self, image_id: ImageId, generation: int) -> set[str]:
        """The states of the outputs of a generation."""
        rows = await self.catalog.rows(
            "SELECT state FROM outputs WHERE image_id = %s AND generation = %s",
            image_id,
            generation,
        )
        return {state for (state,) in rows}


def content_of(image: Image) -> str:
    assert image.original is not None
    return image.original.sha256.hex()


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
