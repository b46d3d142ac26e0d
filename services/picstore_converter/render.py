"""The other use-case: draw the original of a derived picture, store it, and report it.

What is stored and not reported has no owner, so whoever is told that it is not wanted deletes it.
An attempt that does not live to hear that, or hears nothing, leaves it to the next one: the claim
of that names it, or the job is done and the object is an original.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import structlog

from picstore_converter.admission import MemoryBudget, drawing_bytes
from picstore_converter.messages import ChildMisbehaved, take_over
from picstore_converter.model import Claim, DrawnOriginal, Rendering, SourceMissing
from picstore_converter.ports import Children, Ledger, Stores
from picstore_converter.render_messages import (
    SOURCE,
    canvas_of,
    layer_name,
    parse_drawn,
    render_request,
)
from picstore_imaging.formats import Format
from picstore_kit.blobs.base import BlobDigestMismatch, BlobNotFound, BlobStore
from picstore_kit.errors import Code, PicstoreError
from picstore_kit.ids import LocationId
from picstore_kit.sandbox.pool import Room
from picstore_kit.scratch import scratch_errors, temporary_directory

log = structlog.get_logger(__name__)

_MAX_FETCHING: Final = 4
"""Layers of one job on their way from the store at once."""
_NO_ANSWER: Final = frozenset({Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.CANCELLED})


class RenderOverlay:
    """Draws what one job asks for, in a child that reads the originals of several pictures.

    No child may be able to look into `private_dir`, which is on the file system of their rooms:
    what is in there is what was fetched, and what was checked. `memory_bytes` is what a child may
    use; what would take more is not begun, and what takes less waits for it in the `budget`.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        stores: Stores,
        children: Children,
        private_dir: Path,
        memory_bytes: int,
        budget: MemoryBudget,
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._children = children
        self._private_dir = private_dir
        self._memory_bytes = memory_bytes
        self._budget = budget

    async def run(self, claim: Claim, rendering: Rendering) -> None:
        """Draw, store and report, while the caller keeps the lease.

        Raises:
            PicstoreError: It can't be drawn or stored, or is not to be reported.
        """
        expected = drawing_bytes(claim.facts, rendering, limit_bytes=self._memory_bytes)
        target = await self._stores.open(claim.outputs_location)
        for key in rendering.abandoned_keys:
            await target.discard(key)
        async with (
            self._budget.held(expected),
            temporary_directory(self._private_dir, prefix="job-") as private,
        ):
            size = await self._fetch_all(claim, rendering, private)
            path = private / "original"
            drawn = await self._draw(claim, rendering, private, size, path)
            await self._store(target, rendering.object_key, path, drawn)
        await self._report(claim, rendering.object_key, drawn, target)

    async def _fetch_all(self, claim: Claim, rendering: Rendering, directory: Path) -> int:
        """Fetch every original that is drawn; return how many bytes the largest has."""
        sizes: list[int] = []
        places = asyncio.Semaphore(_MAX_FETCHING)

        async def fetch(location: LocationId, key: str, name: str) -> None:
            async with places:
                store = await self._stores.open(location)
                try:
                    with scratch_errors():
                        sizes.append((await store.get_to_file(key, directory / name)).size)
                except BlobNotFound:
                    raise SourceMissing from None

        async with asyncio.TaskGroup() as group:
            group.create_task(fetch(claim.source_location, claim.source_key, SOURCE))
            for layer in rendering.images:
                group.create_task(fetch(layer.location, layer.key, layer_name(layer.id)))
        return max(sizes)

    async def _draw(
        self, claim: Claim, rendering: Rendering, directory: Path, size: int, path: Path
    ) -> DrawnOriginal:
        """Have a child draw with what is in `directory`; what it made is then at `path`."""
        made: Path | None = None

        def request_for(room: Room) -> dict[str, Any]:
            nonlocal made
            made = room.made
            names = (SOURCE, *(layer_name(layer.id) for layer in rendering.images))
            files = {name: room.give(directory / name, name) for name in names}
            return render_request(claim.facts, rendering, files, size=size, made=made)

        async with aclosing(self._children.call(request_for)) as messages:
            async for message in messages:  # it says nothing before the last
                assert made is not None  # whoever answers was asked
                canvas = canvas_of(claim.facts, rendering)
                drawn = parse_drawn(message, canvas=canvas, directory=made)
                await asyncio.to_thread(take_over, drawn.path, drawn.size_bytes, path)
                return drawn
        raise ChildMisbehaved

    async def _store(self, store: BlobStore, key: str, path: Path, drawn: DrawnOriginal) -> None:
        try:
            with scratch_errors():
                await store.put_file(
                    key, path, content_type=Format.PNG.mime_type, sha256=drawn.sha256
                )
        except BaseException as error:
            # Nobody was told of it, so whatever part of it is there is nobody's.
            await _in_any_case(_remove(store, key))
            if isinstance(error, BlobDigestMismatch):
                raise ChildMisbehaved from None
            raise

    async def _report(self, claim: Claim, key: str, drawn: DrawnOriginal, store: BlobStore) -> None:
        """Report what is stored, and delete it where it is not wanted.

        That goes on when the attempt is ended meanwhile: what becomes of the object must be known.
        """

        async def report() -> None:
            try:
                kept = await self._ledger.complete_render(claim, drawn, key)
            except PicstoreError as error:
                if error.code not in _NO_ANSWER:
                    await _remove(store, key)
                raise
            if not kept:
                await _remove(store, key)

        await _in_any_case(report())


async def _remove(store: BlobStore, key: str) -> None:
    """Delete an object that nobody wants; if that fails, it stays, and the log says so."""
    try:
        await store.delete(key)
    except PicstoreError as error:
        log.warning("render.left_behind", key=key, reason=error.reason)


async def _in_any_case(work: Coroutine[Any, Any, None]) -> None:
    """See work that is bounded in time through to its end, also where the caller is cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("render.not_reported", error=str(error))
        raise
