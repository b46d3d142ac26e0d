"""What waits in a watcher, and who is woken."""

from __future__ import annotations

import asyncio

import pytest

from picstore_catalog.hub import Watcher, WatchHub
from picstore_catalog.model.watch import MAX_OUTPUTS, Happening, Kind
from picstore_kit.errors import Reason, ResourceExhausted
from picstore_kit.ids import ImageId, OutputId, ProjectId, new_id

PROJECT, OTHER = new_id(ProjectId), new_id(ProjectId)
IMAGE = new_id(ImageId)


def happening(
    kind: Kind = Kind.READY,
    image_id: ImageId = IMAGE,
    project_id: ProjectId = PROJECT,
    output: str = "",
) -> Happening:
    return Happening(
        kind=kind,
        project_id=project_id,
        image_id=image_id,
        output_id=OutputId(output) if output else None,
    )


async def is_woken(watcher: Watcher) -> bool:
    return await watcher.woken(timeout_s=0)


async def test_only_those_whom_it_concerns_are_woken() -> None:
    hub = WatchHub(limit=10)
    with (
        hub.watch(image_ids=[IMAGE]) as of_image,
        hub.watch(project_id=PROJECT) as of_project,
        hub.watch(image_ids=[new_id(ImageId)]) as of_other_image,
        hub.watch(project_id=OTHER) as of_other_project,
    ):
        hub.tell(happening())
        watchers = (of_image, of_project, of_other_image, of_other_project)
        assert [await is_woken(watcher) for watcher in watchers] == [True, True, False, False]


async def test_what_happens_before_it_is_taken_becomes_one() -> None:
    hub = WatchHub(limit=10)
    with hub.watch(project_id=PROJECT) as watcher:
        hub.tell(happening(Kind.COMMITTED))
        for number in range(2 * MAX_OUTPUTS):
            hub.tell(happening(Kind.OUTPUT_READY, output=f"out_{number}"))
        for _ in range(100):
            hub.tell(happening(Kind.READY))

        taken = watcher.take()
        assert list(taken) == [IMAGE]
        assert taken[IMAGE].committed
        assert taken[IMAGE].settled
        assert len(taken[IMAGE].output_ids) == MAX_OUTPUTS
        assert watcher.take() == {}
        assert not await is_woken(watcher)


async def test_what_is_not_taken_waits_on() -> None:
    hub = WatchHub(limit=10)
    with hub.watch(project_id=PROJECT) as watcher:
        images = [new_id(ImageId) for _ in range(5)]
        for image_id in images:
            hub.tell(happening(image_id=image_id))
        taken = []
        while await is_woken(watcher):
            taken.append(list(watcher.take(at_most=2)))
        assert taken == [images[:2], images[2:4], images[4:]]


async def test_a_watcher_that_is_told_too_much_keeps_nothing_and_is_refused() -> None:
    hub = WatchHub(limit=10)
    with hub.watch(project_id=PROJECT) as watcher:
        for _ in range(1001):
            hub.tell(happening(image_id=new_id(ImageId)))

        assert await is_woken(watcher)
        with pytest.raises(ResourceExhausted) as refused:
            watcher.take()
        assert refused.value.reason is Reason.OVERLOADED


async def test_who_has_left_is_forgotten() -> None:
    hub = WatchHub(limit=1)
    for _ in range(3):
        with hub.watch(image_ids=[IMAGE], project_id=PROJECT):
            assert len(hub) == 1
            with pytest.raises(ResourceExhausted), hub.watch():
                pass
    assert len(hub) == 0
    assert not hub._by_image
    assert not hub._by_project


async def test_closing_ends_what_waits_and_what_comes() -> None:
    hub = WatchHub(limit=10)
    with hub.watch(image_ids=[IMAGE]) as watcher:
        waiting = asyncio.ensure_future(watcher.woken(timeout_s=60))
        await hub.close()
        assert await waiting
        assert watcher.closed
        watcher.take()
        assert await is_woken(watcher)
    with hub.watch(image_ids=[IMAGE]) as late:
        assert late.closed
        assert await is_woken(late)
