"""Processes die at the worst moment; pictures become READY all the same."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import httpx
import nats
import pytest

from picstore.catalog.v1.image_pb2 import Image, Output
from picstore_kit.ids import ImageId, ProjectId
from tests.pictures import photo
from tests.stack import LiveStack, eventually, restart

pytestmark = pytest.mark.timeout(300)


def send(stack: LiveStack, project_id: ProjectId, seed: str, *, width: int = 3200) -> ImageId:
    data = photo(width, width * 3 // 4, seed=seed)
    with stack.http() as http:
        answer = http.post(f"/api/v1/projects/{project_id}/quick_upload", content=data)
        assert answer.status_code == 201, answer.text
        return ImageId(answer.json()["id"])


def show(stack: LiveStack, image_id: ImageId) -> dict[str, object]:
    with stack.http() as http:
        answer = http.get(f"/api/v1/images/{image_id}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, object] = answer.json()
    return shown


def wait_ready(stack: LiveStack, image_id: ImageId) -> Image:
    async def wait() -> Image:
        async with stack.client() as client:
            return await client.wait_ready(image_id, timeout_s=150)

    return asyncio.run(wait())


def assert_whole(image: Image, *, outputs: int = 18) -> None:
    """Every output that was to be made is there, and is what the catalog says it is."""
    wanted = [output for output in image.outputs if output.state != Output.STATE_SKIPPED]
    assert len(wanted) == outputs
    assert len({output.object_key for output in wanted}) == outputs
    for output in wanted:
        assert output.state == Output.STATE_READY
        assert len(httpx.get(output.url).content) == output.size_bytes


def some_but_not_all(stack: LiveStack, image_id: ImageId) -> bool | None:
    outputs = show(stack, image_id)["outputs"]
    assert isinstance(outputs, list)
    ready = sum(output["state"] == "STATE_READY" for output in outputs)
    return True if 0 < ready < 18 else None


def test_a_converter_killed_in_the_middle_of_a_picture(
    stack: LiveStack, project_id: ProjectId
) -> None:
    image_id = send(stack, project_id, "killed converter")
    eventually(lambda: some_but_not_all(stack, image_id), "a job under way")

    stack.kill("converter")

    assert_whole(wait_ready(stack, image_id))


def test_a_sandboxed_child_killed_in_the_middle_of_a_picture(
    stack: LiveStack, project_id: ProjectId
) -> None:
    image_id = send(stack, project_id, "killed child")
    eventually(lambda: some_but_not_all(stack, image_id), "a job under way")

    for child in stack.sandbox_children("converter"):
        child.kill()

    assert_whole(wait_ready(stack, image_id))


def test_lost_streams_of_the_bus_are_made_anew(stack: LiveStack, project_id: ProjectId) -> None:
    converter = stack.pid("converter")
    os.kill(converter, signal.SIGSTOP)  # so that the job is still in the bus
    image_id = send(stack, project_id, "lost streams", width=1600)

    lost = asyncio.run(lose_streams(stack))
    os.kill(converter, signal.SIGCONT)

    assert "PICSTORE_JOBS" in lost
    assert_whole(wait_ready(stack, image_id), outputs=15)


async def lose_streams(stack: LiveStack) -> list[str]:
    """Delete everything that JetStream keeps, as the loss of its disk does."""
    connection = await nats.connect(stack.nats_url())
    try:
        jetstream = connection.jetstream()
        names = [str(stream.config.name) for stream in await jetstream.streams_info()]
        for name in names:
            await jetstream.delete_stream(name)
        return names
    finally:
        await connection.close()


@pytest.mark.parametrize("name", ["auth", "catalog", "upload", "converter", "gateway"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_every_service_can_be_replaced(
    stack: LiveStack, project_id: ProjectId, name: str, number: signal.Signals
) -> None:
    stack.kill(name, number)
    stack.wait_ready()

    image_id = send(stack, project_id, f"{name} after {number.name}", width=400)

    assert wait_ready(stack, image_id).state == Image.STATE_READY


def test_a_restart_keeps_pictures_urls_and_keys(
    stack: LiveStack, project_id: ProjectId, tmp_path: Path
) -> None:
    image_id = send(stack, project_id, "restart", width=400)
    before = wait_ready(stack, image_id)

    again = restart(stack)
    stack.process, stack.gateway = again.process, again.gateway

    after = wait_ready(again, image_id)
    assert [output.url for output in after.outputs] == [output.url for output in before.outputs]
    url = next(output.url for output in after.outputs if output.url)
    assert httpx.get(url).status_code == 200
