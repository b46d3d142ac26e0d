"""Watching pictures, and waiting for them.

Whoever watches is woken by the bus, and looks from time to time all the same, for the bus may be
gone. Each look is a transaction of its own with the access that the caller has then, so nobody who
waits holds a connection, and nobody who lost a permission goes on. A watcher is always registered
before the first look, so nothing falls between the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from picstore_catalog.hub import WatchHub
from picstore_catalog.model.image import Image
from picstore_catalog.model.stored import Stored
from picstore_catalog.model.watch import (
    Kind,
    Told,
    View,
    changes,
    current,
    happenings,
    is_settled,
    without_outputs,
)
from picstore_catalog.repo import image as images
from picstore_catalog.repo import output as outputs
from picstore_catalog.repo import project as projects
from picstore_catalog.repo.image_watch import Mark, marks
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_catalog.usecases.images import get_image
from picstore_kit.errors import NotFound, Reason, ResourceExhausted
from picstore_kit.ids import ImageId, ProjectId
from picstore_kit.pg.access import Access
from picstore_kit.rpc.deadline import remaining_s

RenewAccess: TypeAlias = Callable[[], Awaitable[Access]]
"""Returns what the caller may do as of now.

It raises what the call would be refused with now: Unauthenticated, PermissionDenied, Unavailable.
"""

_MARGIN_S: Final = 0.5
"""Kept of the call's own time, so that waiting ends well and not by a deadline."""

_AT_ONCE: Final = 20
"""Pictures in one look."""

_HEARTBEAT: Final = Told(kind=Kind.HEARTBEAT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often things happen while nothing happens, in seconds."""

    poll_s: float
    """Between two looks at what is watched, without a word from the bus."""
    heartbeat_s: float
    """Between two messages of a stream."""
    max_duration_s: float
    """After which a stream ends, and its caller asks again."""


class Watching:
    """Serves everybody who watches or waits."""

    def __init__(
        self, work: UnitOfWork, hub: WatchHub, pace: Pace, *, max_waits: int, max_looks: int
    ) -> None:
        """At most `max_waits` calls wait at once: they take places that other calls need.

        And at most `max_looks` look at once: all who watch the same are woken together, and would
        take all connections from the others. What happens while one waits for its turn is in what
        it sees then.
        """
        self._work = work
        self._hub = hub
        self._pace = pace
        self._free_waits = max_waits
        self._turn = asyncio.Semaphore(max_looks)

    async def image(self, renew: RenewAccess, image_id: ImageId) -> AsyncGenerator[Told, None]:
        """Tell how a picture is and what happens to it, until it is finished.

        Raises:
            NotFound, PermissionDenied: See `picstore_kit.pg.access`.
            ResourceExhausted: Too many watch (OVERLOADED).
            PicstoreError: As `renew` does.
        """
        times = _Times(self._pace)
        with self._hub.watch(image_ids=[image_id]) as watcher:
            access = await renew()
            async with self._turn:
                mark, seen = await self._look_at_one(access, image_id)
            yield current(seen)
            times.told()
            while not (seen.finished or watcher.closed or times.over):
                changed = await watcher.woken(timeout_s=times.pause_s())
                before = seen
                if changed or times.poll_due:
                    access = await renew()
                    async with self._turn:
                        watcher.take()
                        changed = changed or await self._mark_of(access, image_id) != mark
                        if changed:
                            mark, seen = await self._look_at_one(access, image_id)
                    times.polled()
                    for told in changes(before, seen):
                        yield told
                        times.told()
                if times.heartbeat_due:
                    yield _HEARTBEAT
                    times.told()

    async def images(
        self, renew: RenewAccess, project_id: ProjectId, image_ids: Sequence[ImageId]
    ) -> AsyncGenerator[Told, None]:
        """Tell how some pictures of a project are, and what happens to them, for as long as it may.

        Raises:
            NotFound: A picture is not of this project.
            NotFound, PermissionDenied: See `picstore_kit.pg.access`.
            ResourceExhausted: Too many watch (OVERLOADED).
            PicstoreError: As `renew` does.
        """
        times = _Times(self._pace)
        with self._hub.watch(image_ids=image_ids) as watcher:
            access = await renew()
            async with self._turn:
                known, views = await self._look_at(access, project_id, image_ids)
            for image_id in image_ids:
                if image_id not in views:
                    raise NotFound.of("Image", image_id)
            for told in without_outputs(map(current, views.values())):
                yield told
            times.told()
            while not (watcher.closed or times.over):
                woken = await watcher.woken(timeout_s=times.pause_s())
                if woken or times.poll_due:
                    access = await renew()
                    async with self._turn:
                        changed: Iterable[ImageId] = watcher.take(at_most=_AT_ONCE)
                        if not woken:
                            changed = await self._changed(access, project_id, known)
                            times.polled()
                        # What is gone has no event; it is not looked at again.
                        wanted = [image_id for image_id in changed if image_id in known]
                        now_known, now = await self._look_at(access, project_id, wanted)
                    for image_id in wanted:
                        before = views.pop(image_id)
                        del known[image_id]
                        if image_id not in now:
                            continue
                        known[image_id], views[image_id] = now_known[image_id], now[image_id]
                        for told in without_outputs(changes(before, now[image_id])):
                            yield told
                            times.told()
                if times.heartbeat_due:
                    yield _HEARTBEAT
                    times.told()

    async def project(
        self, renew: RenewAccess, project_id: ProjectId
    ) -> AsyncGenerator[Told, None]:
        """Tell what happens to the pictures of a project from now on, for as long as it may.

        It begins with a heartbeat, as soon as nothing is missed any more. While the bus is gone
        there is no news; what happened meanwhile follows when it is back.

        Raises:
            NotFound, PermissionDenied: Of the project; see `picstore_kit.pg.access`.
            ResourceExhausted: Too many watch, or too much happened before the caller read of it
                (OVERLOADED).
            PicstoreError: As `renew` does.
        """
        times = _Times(self._pace)
        with self._hub.watch(project_id=project_id) as watcher:
            access = await renew()
            async with self._turn:
                await self._look_at(access, project_id, ())
            yield _HEARTBEAT
            times.told()
            while not (watcher.closed or times.over):
                if await watcher.woken(timeout_s=times.pause_s()) or times.poll_due:
                    access = await renew()
                    async with self._turn:
                        untold = watcher.take(at_most=_AT_ONCE)
                        _, views = await self._look_at(access, project_id, tuple(untold))
                    times.polled()
                    for image_id, view in views.items():
                        for told in without_outputs(happenings(untold[image_id], view)):
                            yield told
                            times.told()
                if times.heartbeat_due:
                    yield _HEARTBEAT
                    times.told()

    async def settled(self, renew: RenewAccess, image_id: ImageId, *, wait_s: float) -> None:
        """Return as soon as a picture is ready or failed and nothing is to replace what it has.

        At the latest after `wait_s` seconds, or when the call has just the time to answer.

        Raises:
            NotFound, PermissionDenied: See `picstore_kit.pg.access`.
            ResourceExhausted: Too many watch or wait (OVERLOADED).
            PicstoreError: As `renew` does.
        """
        times = _Times(replace(self._pace, max_duration_s=wait_s))
        with self._place_to_wait(), self._hub.watch(image_ids=[image_id]) as watcher:
            while True:
                access = await renew()
                async with self._turn:
                    watcher.take()
                    settled = is_settled((await self._fetch(access, image_id)).value)
                if settled or watcher.closed or times.over:
                    return
                await watcher.woken(timeout_s=times.pause_s())
                times.polled()

    @contextmanager
    def _place_to_wait(self) -> Iterator[None]:
        if self._free_waits == 0:
            raise ResourceExhausted(
                Reason.OVERLOADED, "too many wait already; ask without waiting", retry_after=1.0
            )
        self._free_waits -= 1
        try:
            yield
        finally:
            self._free_waits += 1

    async def _fetch(self, access: Access, image_id: ImageId) -> Stored[Image]:
        async with self._work.begin(access.team_id) as transaction:
            return await images.fetch(transaction, access, image_id)

    async def _mark_of(self, access: Access, image_id: ImageId) -> Mark | None:
        async with self._work.begin(access.team_id) as transaction:
            return (await marks(transaction, access, [image_id])).get(image_id)

    async def _look_at_one(self, access: Access, image_id: ImageId) -> tuple[Mark | None, View]:
        async with self._work.begin(access.team_id) as transaction:
            # The mark first: if the picture changes between the two, the next look is one too many.
            found = await marks(transaction, access, [image_id])
            return found.get(image_id), await _view(transaction, access, image_id)

    async def _look_at(
        self, access: Access, project_id: ProjectId, image_ids: Sequence[ImageId]
    ) -> tuple[dict[ImageId, Mark], dict[ImageId, View]]:
        """Return those of the pictures that are in the project; with none, only look at that."""
        async with self._work.begin(access.team_id) as transaction:
            await projects.fetch(transaction, access, project_id)
            found = await marks(transaction, access, image_ids) if image_ids else {}
            views = {}
            for image_id in image_ids:
                if image_id not in found:
                    continue
                view = await _view(transaction, access, image_id)
                if view.image.project_id == project_id:
                    views[image_id] = view
        return found, views

    async def _changed(
        self, access: Access, project_id: ProjectId, known: dict[ImageId, Mark]
    ) -> list[ImageId]:
        """Return the pictures that are not as they were."""
        async with self._work.begin(access.team_id) as transaction:
            await projects.fetch(transaction, access, project_id)
            found = await marks(transaction, access, list(known))
        return [image_id for image_id, mark in known.items() if found.get(image_id) != mark]


class _Times:
    """When a watcher has to do something although nothing happens."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._now = asyncio.get_running_loop().time
        remaining = remaining_s()
        seconds = pace.max_duration_s
        if remaining is not None:
            seconds = min(seconds, max(0.0, remaining - _MARGIN_S))
        self._end = self._now() + seconds
        self.told()
        self.polled()

    @property
    def over(self) -> bool:
        return self._now() >= self._end

    @property
    def poll_due(self) -> bool:
        return self._now() >= self._poll_at

    @property
    def heartbeat_due(self) -> bool:
        return self._now() >= self._heartbeat_at

    def told(self) -> None:
        self._heartbeat_at = self._now() + self._pace.heartbeat_s

    def polled(self) -> None:
        self._poll_at = self._now() + self._pace.poll_s

    def pause_s(self) -> float:
        """Return the seconds until something is due."""
        return max(0.0, min(self._end, self._poll_at, self._heartbeat_at) - self._now())


async def _view(transaction: Transaction, access: Access, image_id: ImageId) -> View:
    stored = await get_image(transaction, access, image_id)
    image = stored.value
    if not (image.generation and image.pending_generation):
        return View(stored=stored)
    pending = await outputs.of_generation(transaction, image.id, image.pending_generation)
    return View(stored=stored, pending=tuple(pending))
