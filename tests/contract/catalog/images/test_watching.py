"""Watching pictures, and waiting for them, as callers do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from picstore.catalog.v1 import image_service_pb2, project_pb2
from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.image_service_pb2 import WatchImagesResponse
from picstore.jobs.v1.job_pb2 import Claim
from picstore_catalog.hub import WatchHub
from picstore_catalog.model.watch import Happening, Kind
from picstore_catalog.settings import CatalogSettings, WatchSettings
from picstore_kit.errors import (
    FailedPrecondition,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
    ResourceExhausted,
    Unauthenticated,
)
from picstore_kit.ids import ImageId, OutputId, ProjectId, TeamId, new_id
from picstore_kit.rpc.auth import Grant
from tests.contract.catalog.images.conftest import Callers, Client, complete_all, stored
from tests.contract.catalog.images.test_images import announcement, create

CURRENT = WatchImagesResponse.KIND_CURRENT
COMMITTED = WatchImagesResponse.KIND_COMMITTED
OUTPUT_READY = WatchImagesResponse.KIND_OUTPUT_READY
READY = WatchImagesResponse.KIND_READY
HEARTBEAT = WatchImagesResponse.KIND_HEARTBEAT


@pytest.fixture
def watch() -> WatchSettings:
    """Nobody tells the hub unless a test does, so it is looks that find anything out."""
    return WatchSettings(poll_s=0.05, heartbeat_s=300, max_waits=2)


@pytest.fixture
async def settings(settings: CatalogSettings, watch: WatchSettings) -> CatalogSettings:
    return settings.model_copy(update={"watch": watch})


class Stream:
    """A call that listens."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self._messages: AsyncIterator[WatchImagesResponse] = aiter(call)

    async def next(self) -> WatchImagesResponse:
        return await anext(self._messages)

    async def kinds(self, count: int) -> list[int]:
        return [(await self.next()).kind for _ in range(count)]

    async def rest(self) -> list[WatchImagesResponse]:
        return [message async for message in self._messages]


def watch_image(client: Client, image_id: str, **options: Any) -> Stream:
    request = image_service_pb2.WatchImageRequest(image_id=image_id)
    return Stream(client.images.WatchImage(request, **options))


def watch_images(client: Client, project_id: str, *image_ids: str) -> Stream:
    request = image_service_pb2.WatchImagesRequest(project_id=project_id, image_ids=image_ids)
    return Stream(client.images.WatchImages(request))


async def until(true: Any) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110  # nobody tells of it
            await asyncio.sleep(0.01)


async def test_a_picture_is_told_of_from_its_upload_to_its_end(
    user: Client, converter: Client, image: Image, claim: Claim
) -> None:
    stream = watch_image(user, image.id)
    first = await stream.next()
    assert (first.kind, first.image.state) == (CURRENT, Image.STATE_CONVERTING)
    assert len(first.image.outputs) >= len(claim.outputs)

    for wanted in claim.outputs[:-1]:
        await converter.jobs.CompleteOutput(stored(claim, wanted))
        told = await stream.next()
        assert (told.kind, told.output.id) == (OUTPUT_READY, wanted.output_id)
        assert told.output.url
    await converter.jobs.CompleteOutput(stored(claim, claim.outputs[-1]))

    last = await stream.rest()
    assert [told.kind for told in last] == [OUTPUT_READY, READY]
    assert last[-1].image.state == Image.STATE_READY
    assert await stream.call.code() is grpc.StatusCode.OK


async def test_a_finished_picture_is_told_of_once(
    user: Client, converter: Client, image: Image, claim: Claim
) -> None:
    await complete_all(converter, claim)

    told = await watch_image(user, image.id).rest()

    assert [(one.kind, one.image.state) for one in told] == [(CURRENT, Image.STATE_READY)]


@pytest.mark.parametrize("watch", [WatchSettings(poll_s=300, heartbeat_s=300)])
async def test_the_bus_wakes_before_the_next_look(
    user: Client,
    converter: Client,
    image: Image,
    claim: Claim,
    hub: WatchHub,
) -> None:
    stream = watch_image(user, image.id)
    await stream.next()
    await complete_all(converter, claim)

    hub.tell(
        Happening(
            kind=Kind.READY, project_id=ProjectId(image.project_id), image_id=ImageId(image.id)
        )
    )

    told = await stream.rest()
    assert [one.kind for one in told] == [OUTPUT_READY] * len(claim.outputs) + [READY]


async def test_named_pictures_of_a_project_are_told_of_without_their_outputs(
    user: Client, converter: Client, project: project_pb2.Project, image: Image, claim: Claim
) -> None:
    other = await create(user, announcement(project))
    stream = watch_images(user, project.id, image.id, other.id, image.id)
    first = [await stream.next(), await stream.next()]
    await complete_all(converter, claim)
    events = [await stream.next() for _ in range(len(claim.outputs) + 1)]
    stream.call.cancel()

    assert [(told.kind, told.image.id) for told in first] == [
        (CURRENT, image.id),
        (CURRENT, other.id),
    ]
    assert [told.kind for told in events] == [OUTPUT_READY] * len(claim.outputs) + [READY]
    assert not any(told.image.outputs for told in (*first, *events))


async def test_all_pictures_of_a_project_are_told_of_as_the_bus_has_it(
    user: Client,
    converter: Client,
    project: project_pb2.Project,
    image: Image,
    claim: Claim,
    hub: WatchHub,
) -> None:
    stream = watch_images(user, project.id)
    assert (await stream.next()).kind == HEARTBEAT
    await complete_all(converter, claim)
    wanted = OutputId(claim.outputs[0].output_id)
    for kind, output_id in ((Kind.OUTPUT_READY, wanted), (Kind.READY, None)):
        hub.tell(
            Happening(
                kind=kind,
                project_id=ProjectId(project.id),
                image_id=ImageId(image.id),
                output_id=output_id,
            )
        )

    told = [await stream.next(), await stream.next()]
    stream.call.cancel()

    assert [(one.kind, one.image.id) for one in told] == [
        (OUTPUT_READY, image.id),
        (READY, image.id),
    ]
    assert told[0].output.id == wanted


@pytest.mark.parametrize("watch", [WatchSettings(poll_s=300, heartbeat_s=0.05)])
async def test_a_stream_says_that_it_is_alive(
    user: Client, image: Image, project: project_pb2.Project
) -> None:
    streams = [
        watch_image(user, image.id),
        watch_images(user, project.id),
        watch_images(user, project.id, image.id),
    ]
    for stream in streams:
        assert (await stream.kinds(4))[1:] == [HEARTBEAT] * 3
        stream.call.cancel()


@pytest.mark.parametrize("watch", [WatchSettings(max_duration_s=0.1)])
async def test_a_stream_ends_well_after_its_time(
    user: Client, image: Image, project: project_pb2.Project
) -> None:
    streams = [watch_image(user, image.id), watch_images(user, project.id)]
    for stream in streams:
        assert len(await stream.rest()) == 1
        assert await stream.call.code() is grpc.StatusCode.OK


async def test_strangers_are_told_of_nothing(
    user: Client, stranger: Client, image: Image, project: project_pb2.Project
) -> None:
    for stream in (
        watch_image(stranger, image.id),
        watch_images(stranger, project.id),
        watch_images(stranger, project.id, image.id),
        watch_images(user, project.id, new_id(ImageId)),
        watch_image(user, new_id(ImageId)),
    ):
        with pytest.raises(NotFound):
            await stream.next()


async def test_a_permission_is_needed(
    callers: Callers, team_id: TeamId, image: Image, project: project_pb2.Project
) -> None:
    other = await callers.user(team_id, [Grant(permission="image:create")])
    for stream in (watch_image(other, image.id), watch_images(other, project.id)):
        with pytest.raises(PermissionDenied):
            await stream.next()


async def test_a_revoked_key_ends_streams_and_waits(
    callers: Callers, team_id: TeamId, user: Client, image: Image, project: project_pb2.Project
) -> None:
    other = await callers.user(team_id)
    streams = [
        watch_image(other, image.id),
        watch_images(other, project.id),
        watch_images(other, project.id, image.id),
    ]
    for stream in streams:
        await stream.next()
    waiting = asyncio.ensure_future(get(other, image.id, wait_s=4))

    callers.revoke_last()

    for stream in streams:
        with pytest.raises(Unauthenticated):
            await stream.next()
    with pytest.raises(Unauthenticated):
        await waiting


async def test_streams_and_waits_end_well_when_the_process_stops(
    user: Client, image: Image, project: project_pb2.Project, hub: WatchHub
) -> None:
    streams = [watch_image(user, image.id), watch_images(user, project.id)]
    for stream in streams:
        await stream.next()
    waiting = asyncio.ensure_future(get(user, image.id, wait_s=4.5))
    await until(lambda: len(hub) == 3)

    await hub.close()

    for stream in streams:
        assert await stream.rest() == []
        assert await stream.call.code() is grpc.StatusCode.OK
    assert (await waiting).state == Image.STATE_CONVERTING


async def test_a_caller_who_goes_away_watches_no_more(
    user: Client, image: Image, project: project_pb2.Project, hub: WatchHub
) -> None:
    streams = [watch_image(user, image.id), watch_images(user, project.id)]
    for stream in streams:
        await stream.next()
    assert len(hub) == 2

    for stream in streams:
        stream.call.cancel()

    await until(lambda: len(hub) == 0)


async def test_only_so_many_may_watch(
    user: Client, project: project_pb2.Project, hub: WatchHub
) -> None:
    streams = [watch_images(user, project.id) for _ in range(10)]
    for stream in streams:
        await stream.next()

    with pytest.raises(ResourceExhausted) as refused:
        await watch_images(user, project.id).next()
    assert refused.value.reason is Reason.OVERLOADED

    streams[0].call.cancel()
    await until(lambda: len(hub) == 9)
    assert (await watch_images(user, project.id).next()).kind == HEARTBEAT


async def test_only_so_many_may_wait(user: Client, image: Image, hub: WatchHub) -> None:
    waiting = [asyncio.ensure_future(get(user, image.id, wait_s=4.5)) for _ in range(2)]
    await until(lambda: len(hub) == 2)

    with pytest.raises(ResourceExhausted) as refused:
        await get(user, image.id, wait_s=4.5)
    assert refused.value.reason is Reason.OVERLOADED
    assert (await get(user, image.id)).state == Image.STATE_CONVERTING

    await hub.close()
    await asyncio.gather(*waiting)


async def get(client: Client, image_id: str, *, wait_s: float = 0) -> Image:
    wait = Duration()
    wait.FromNanoseconds(int(wait_s * 1e9))
    return await client.images.GetImage(
        image_service_pb2.GetImageRequest(image_id=image_id, wait=wait)
    )


async def test_a_call_waits_for_its_picture(
    user: Client, converter: Client, image: Image, claim: Claim, hub: WatchHub
) -> None:
    waiting = asyncio.ensure_future(get(user, image.id, wait_s=60))
    await until(lambda: len(hub) == 1)
    await complete_all(converter, claim)

    shown = await waiting

    assert (shown.state, shown.pending_generation) == (Image.STATE_READY, 0)
    assert await get(user, image.id, wait_s=60) == shown


async def test_a_wait_ends_with_whatever_the_picture_is_then(user: Client, image: Image) -> None:
    assert (await get(user, image.id, wait_s=0.1)).state == Image.STATE_CONVERTING
    with pytest.raises(FailedPrecondition) as early:
        await user.images.GetPicture(
            image_service_pb2.GetPictureRequest(image_id=image.id, wait=Duration(nanos=100_000_000))
        )
    assert early.value.reason is Reason.STATE_WRONG


async def test_a_wait_ends_before_the_deadline_of_the_call(user: Client, image: Image) -> None:
    request = image_service_pb2.GetImageRequest(image_id=image.id, wait=Duration(seconds=60))
    shown = await user.images.GetImage(request, timeout=1.5)
    assert shown.state == Image.STATE_CONVERTING


async def test_a_tag_can_be_waited_for(
    user: Client, converter: Client, image: Image, claim: Claim, hub: WatchHub
) -> None:
    request = image_service_pb2.GetPictureRequest(image_id=image.id, wait=Duration(seconds=60))
    waiting = asyncio.ensure_future(_picture(user, request))
    await until(lambda: len(hub) == 1)
    await complete_all(converter, claim)

    assert "<picture>" in await waiting


async def _picture(client: Client, request: image_service_pb2.GetPictureRequest) -> str:
    return (await client.images.GetPicture(request)).html


@pytest.mark.parametrize("wait", [Duration(seconds=-1), Duration(seconds=60, nanos=1)])
async def test_a_wait_out_of_bounds_is_refused(user: Client, image: Image, wait: Duration) -> None:
    for call in (
        user.images.GetImage(image_service_pb2.GetImageRequest(image_id=image.id, wait=wait)),
        user.images.GetPicture(image_service_pb2.GetPictureRequest(image_id=image.id, wait=wait)),
    ):
        with pytest.raises(InvalidFields) as refused:
            await call
        assert [violation.field for violation in refused.value.violations] == ["wait"]


async def test_what_is_watched_is_checked(user: Client, project: project_pb2.Project) -> None:
    wrong = {
        "image_ids": watch_images(user, project.id, *(new_id(ImageId) for _ in range(101))),
        "image_ids[1]": watch_images(user, project.id, new_id(ImageId), "img_?"),
        "project_id": watch_images(user, "prj_?"),
        "image_id": watch_image(user, "img_?"),
    }
    for field, stream in wrong.items():
        with pytest.raises(InvalidFields) as refused:
            await stream.next()
        assert [violation.field for violation in refused.value.violations] == [field]
