"""Who watches which pictures in this process, and the waking of them.

    with hub.watch(image_ids=[image_id]) as watcher:
        image = …          # read after that, and nothing falls between
        while await watcher.woken(timeout_s=5):
            happened = watcher.take()

What happens comes from the bus (`follow`), is told to each watcher that it is for, and waits there
in a place of its own for each picture: what happens again to the same picture is added to that
place. Nobody waits for a watcher, however slow it is.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final

import structlog

from picstore.events.v1 import event_pb2
from picstore_catalog.mapping.watch import happening_of
from picstore_catalog.model.watch import Happening, Happenings
from picstore_kit.bus.events import Event
from picstore_kit.errors import Reason, ResourceExhausted
from picstore_kit.ids import ImageId, ProjectId

log = structlog.get_logger(__name__)

SUBJECT: Final = "picstore.event.>"
"""What `follow` is for. One subscription keeps the order between pictures and their outputs."""

_MAX_UNTOLD: Final = 1000
"""Pictures that may wait in one watcher."""


class Watcher:
    """What has happened to the pictures that one caller watches, and was not taken yet."""

    def __init__(self) -> None:
        self._untold: dict[ImageId, Happenings] = {}
        self._overrun = False
        self._wake = asyncio.Event()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the process stops: watching is over."""
        return self._closed

    async def woken(self, *, timeout_s: float) -> bool:
        """Wait until something has happened or watching is over; return whether it did in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    def take(self, *, at_most: int = _MAX_UNTOLD) -> dict[ImageId, Happenings]:
        """Return what has happened and was not taken yet, by picture, oldest first.

        Raises:
            ResourceExhausted: More happened than is remembered (OVERLOADED): the caller, who reads
                too slowly, has to list the pictures again.
        """
        if self._overrun:
            raise ResourceExhausted(
                Reason.OVERLOADED,
                f"more than {_MAX_UNTOLD} pictures changed before they could be told of",
                retry_after=1.0,
            )
        taken = {key: self._untold.pop(key) for key in list(islice(self._untold, at_most))}
        if not (self._untold or self._closed):
            self._wake.clear()
        return taken

    def tell(self, happening: Happening) -> None:
        """Remember what has happened until it is taken."""
        place = self._untold.get(happening.image_id)
        if place is None:
            if len(self._untold) == _MAX_UNTOLD:
                self._overrun = True
                self._untold.clear()
            if self._overrun:
                return
            place = self._untold[happening.image_id] = Happenings()
        place.add(happening)
        self._wake.set()

    def close(self) -> None:
        """Say that watching is over."""
        self._closed = True
        self._wake.set()


class WatchHub:
    """All watchers of this process."""

    def __init__(self, *, limit: int) -> None:
        """At most `limit` may watch at once."""
        self._limit = limit
        self._watchers: set[Watcher] = set()
        self._by_image: defaultdict[ImageId, set[Watcher]] = defaultdict(set)
        self._by_project: defaultdict[ProjectId, set[Watcher]] = defaultdict(set)
        self._closed = False

    def __len__(self) -> int:
        """How many watch now."""
        return len(self._watchers)

    @contextmanager
    def watch(
        self, *, image_ids: Iterable[ImageId] = (), project_id: ProjectId | None = None
    ) -> Iterator[Watcher]:
        """Watch pictures, or all of a project, within the block.

        Who may see them is not asked here: whoever is woken reads them, and learns no more.

        Raises:
            ResourceExhausted: As many watch already as may (OVERLOADED).
        """
        if len(self._watchers) >= self._limit:
            raise ResourceExhausted(
                Reason.OVERLOADED, "too many watch already; try again shortly", retry_after=5.0
            )
        watcher = Watcher()
        if self._closed:
            watcher.close()
        keys = tuple(image_ids)
        self._watchers.add(watcher)
        for image_id in keys:
            self._by_image[image_id].add(watcher)
        if project_id is not None:
            self._by_project[project_id].add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
            for image_id in keys:
                _discard(self._by_image, image_id, watcher)
            if project_id is not None:
                _discard(self._by_project, project_id, watcher)

    def tell(self, happening: Happening) -> None:
        """Wake everybody who watches what this has happened to."""
        for watcher in self._by_image.get(happening.image_id, ()):
            watcher.tell(happening)
        for watcher in self._by_project.get(happening.project_id, ()):
            watcher.tell(happening)

    async def follow(self, event: Event) -> None:
        """Take an event of `SUBJECT` from the bus; those of other things are left aside."""
        happening = happening_of(event_pb2.Event.FromString(event.payload))
        if happening is not None:
            self.tell(happening)

    async def close(self) -> None:
        """End all watching, also that which begins from now on; for `Lifecycle.on_drain`."""
        self._closed = True
        if self._watchers:
            log.info("watch.closing", watchers=len(self._watchers))
        for watcher in self._watchers:
            watcher.close()


def _discard(
    index: defaultdict[ImageId, set[Watcher]] | defaultdict[ProjectId, set[Watcher]],
    key: ImageId | ProjectId,
    watcher: Watcher,
) -> None:
    watchers = index[key]  # type: ignore[index]  # the key is of the index's kind
    watchers.discard(watcher)
    if not watchers:
        del index[key]  # type: ignore[arg-type]
