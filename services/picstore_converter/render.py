"""The other use-case: draw the original of a derived picture, store it, and report it.

What is stored and not reported has no owner, so whoever is told that it is not wanted deletes it.
An attempt that does not live to hear that, or hears nothing, leaves it to the next one: the claim
of that names it, or the job is done and the object is an original.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from picstore_converter.admission import MemoryBudget, drawing_bytes
from picstore_converter.messages import ChildMisbehaved, take_over
from picstore_converter.model import Claim, DrawnOriginal, Rendering, SourceMissing
from picstore_converter.ports import Children, Ledger, Stores
from picstore_converter.render_messages import (
    canvas_of,
    layer_path,
    parse_drawn,
    render_request,
)
from picstore_imaging.formats import Format
from picstore_imaging.geometry import Size
from picstore_kit.blobs.base import BlobDigestMismatch, BlobNotFound, BlobStore
from picstore_kit.errors import Code, PicstoreError
from picstore_kit.ids import LocationId
from picstore_kit.scratch import scratch_errors, temporary_directory

log = structlog.get_logger(__name__)

_MAX_FETCHING: Final = 4
"""Layers of one job on their way from the store at once."""
_NO_ANSWER: Final = frozenset({Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.CANCELLED})


class RenderOverlay:
    """Draws what one job asks for, in a child that reads the originals of several pictures.

    The children can write in `shared_dir`, and must not be able to in `private_dir`, which is on
    the same file system: what is in there is what was checked. `memory_bytes` is what a child may
    use; what would take more is not begun, and what takes less waits for it in the `budget`.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        stores: Stores,
        children: Children,
        shared_dir: Path,
        private_dir: Path,
        memory_bytes: int,
        budget: MemoryBudget,
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._children = children
        self._shared_dir = shared_dir
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
            temporary_directory(self._shared_dir, prefix="job-") as shared,
            temporary_directory(self._private_dir, prefix="job-") as private,
        ):
            source = shared / "source"
            sizes = await self._fetch_all(claim, rendering, source, shared)
            request = render_request(claim.facts, rendering, source, sizes)
            drawn = await self._draw(request, canvas_of(claim.facts, rendering), source)
            path = private / "original"
            await asyncio.to_thread(take_over, drawn.path, drawn.size_bytes, path)
            await self._store(target, rendering.object_key, path, drawn)
        await self._report(claim, rendering.object_key, drawn, target)

    async def _fetch_all(
        self, claim: Claim, rendering: Rendering, source: Path, directory: Path
    ) -> Mapping[Path, int]:
        """Fetch every original that is drawn; return how many bytes each file has."""
        sizes: dict[Path, int] = {}
        places = asyncio.Semaphore(_MAX_FETCHING)

        async def fetch(location: LocationId, key: str, path: Path) -> None:
            async with places:
                store = await self._stores.open(location)
                try:
                    with scratch_errors():
                        sizes[path] = (await store.get_to_file(key, path)).size
                except BlobNotFound:
                    raise SourceMissing from None

        async with asyncio.TaskGroup() as group:
            group.create_task(fetch(claim.source_location, claim.source_key, source))
            for layer in rendering.images:
                path = layer_path(directory, layer.id)
                group.create_task(fetch(layer.location, layer.key, path))
        return sizes

    async def _draw(self, request: dict[str, Any], canvas: Size, source: Path) -> DrawnOriginal:
        last: Mapping[str, Any] = {}
        async for message in self._children.call(request):
            last = message
        return parse_drawn(last, canvas=canvas, directory=source.parent)

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
