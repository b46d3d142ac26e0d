"""Single lookups by hash, those that come at the same time in one statement.

A transaction costs the catalog several times what finding a hash in it does. So while a statement
is under way, further lookups with the same access wait and then go together; a lookup that is alone
goes at once. Nobody gets an answer that is older than the question: a statement begins after all
that it answers were asked.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakValueDictionary

from picstore_catalog.model.image import Image
from picstore_catalog.model.stored import Stored
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases.images import look_up_images
from picstore_kit.errors import NotFound, PicstoreError
from picstore_kit.ids import ProjectId
from picstore_kit.pg.access import Access

MAX_TOGETHER: Final = 1000
"""Hashes in one statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """What lookups have to have in common to be answered by one statement."""

    access: Access
    project_id: ProjectId | None
    upload_profile: str


@dataclass(slots=True)
class _Batch:
    """Hashes that one statement looks up, and what came of it."""

    wanted: set[bytes] = field(default_factory=set)
    found: dict[bytes, Stored[Image]] | None = None
    error: PicstoreError | None = None


@dataclass(slots=True, weakref_slot=True)
class _Queue:
    """The lookups of one scope."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever runs the statement of a batch, for all who are in it."""
    open: _Batch = field(default_factory=_Batch)
    """The batch that a new lookup joins."""


class GatheredLookups:
    """Looks up single hashes for many callers."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self._queues: WeakValueDictionary[_Scope, _Queue] = WeakValueDictionary()

    async def look_up(
        self,
        access: Access,
        project_id: ProjectId | None,
        sha256: bytes,
        *,
        upload_profile: str = "",
    ) -> Stored[Image]:
        """Return the best picture of one hash.

        Raises:
            NotFound, PermissionDenied: See `picstore_catalog.usecases.images.look_up_images`.
            NotFound: The hash is not known.
        """
        scope = _Scope(access=access, project_id=project_id, upload_profile=upload_profile)
        queue = self._queues.setdefault(scope, _Queue())
        if len(queue.open.wanted) >= MAX_TOGETHER:
            queue.open = _Batch()
        batch = queue.open
        batch.wanted.add(sha256)
        async with queue.turn:
            # The first of a batch to have its turn asks for all. If its caller goes away meanwhile,
            # the next one does.
            if batch.found is None and batch.error is None:
                if queue.open is batch:
                    queue.open = _Batch()
                await self._ask(scope, batch)
        if batch.error is not None:
            raise batch.error.with_traceback(None)
        assert batch.found is not None
        if sha256 not in batch.found:
            raise NotFound.of("Image", sha256.hex())
        return batch.found[sha256]

    async def _ask(self, scope: _Scope, batch: _Batch) -> None:
        try:
            async with self._work.begin(scope.access.team_id) as transaction:
                found = await look_up_images(
                    transaction,
                    scope.access,
                    scope.project_id,
                    list(batch.wanted),
                    upload_profile=scope.upload_profile,
                )
        except PicstoreError as error:
            batch.error = error
            return
        batch.found = {
            stored.value.original.sha256: stored for stored in found if stored.value.original
        }
