"""Pictures are watched over HTTP from the upload to the last output, whatever happens."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from picstore_kit.ids import ImageId, ProjectId, new_id
from tests.stack import LiveStack, eventually

pytestmark = pytest.mark.timeout(300)

Event = tuple[str, dict[str, Any]]


class Watch:
    """A stream of events that is open."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._events = self._read()

    async def next(self) -> Event:
        return await anext(self._events)

    async def until(self, name: str) -> list[Event]:
        """Return the events up to the first of a name."""
        found: list[Event] = []
        async for event in self._events:
            found.append(event)
            if event[0] == name:
                return found
        raise AssertionError(f"the stream ended before {name}: {found}")

    async def rest(self) -> list[Event]:
        return [event async for event in self._events]

    async def _read(self) -> AsyncIterator[Event]:
        name = ""
        async for line in self.answer.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)
            elif line == ": heartbeat":
                yield "heartbeat", {}


def key_header(stack: LiveStack, api_key: str = "") -> dict[str, str]:
    return {"authorization": f"Bearer {api_key or stack.api_key}"}


def http_client(stack: LiveStack) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(
        base_url=stack.gateway, headers=key_header(stack), timeout=90, limits=limits
    )


@asynccontextmanager
async def watching(
    stack: LiveStack, path: str, *, params: Any = None, api_key: str = ""
) -> AsyncIterator[Watch]:
    async with (
        http_client(stack) as http,
        http.stream("GET", path, params=params, headers=key_header(stack, api_key)) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        yield Watch(answer)


def announce(stack: LiveStack, project_id: ProjectId) -> str:
    with stack.http() as http:
        announced = http.post(
            f"/api/v1/projects/{project_id}/images",
            json={"filename": "later.jpg", "upload_profile": "photos"},
        )
    return str(announced.json()["id"])


async def send(stack: LiveStack, image_id: str, photo: Path) -> None:
    content = await asyncio.to_thread(photo.read_bytes)
    async with http_client(stack) as http:
        sent = await http.post(f"/api/v1/images/{image_id}/upload", content=content)
        assert sent.status_code == 200, sent.text


async def test_an_upload_is_told_of_from_its_commit_to_its_last_output(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    image_id = announce(stack, project_id)
    async with (
        watching(stack, f"/api/v1/images/{image_id}/events") as one,
        watching(stack, f"/api/v1/projects/{project_id}/events") as every,
    ):
        name, first = await one.next()
        assert (name, first["image"]["state"]) == ("current", "STATE_AWAITING_UPLOAD")
        assert (await every.next())[0] == "heartbeat"

        await send(stack, image_id, fresh_photo)
        of_one = await one.rest()
        of_all = await every.until("image.ready")

    names = [name for name, _ in of_one]
    assert names[0] == "image.committed"
    assert names.count("image.ready") == 1
    outputs = [told["output"]["id"] for name, told in of_one if name == "output.ready"]
    last = of_one[-1][1]["image"]
    assert len(set(outputs)) == len(outputs) == 15
    assert {output["id"] for output in last["outputs"] if output["url"]} == set(outputs)
    assert last["state"] == "STATE_READY"
    assert [name for name, _ in of_all].count("image.committed") == 1
    assert {told["image"]["id"] for _, told in of_all if told} == {image_id}
    assert not any(told["image"]["outputs"] for _, told in of_all if told)


async def test_a_call_waits_until_the_tag_can_be_made(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    image_id = announce(stack, project_id)
    async with http_client(stack) as http:
        image = asyncio.ensure_future(http.get(f"/api/v1/images/{image_id}?wait=60s"))
        picture = asyncio.ensure_future(http.get(f"/api/v1/images/{image_id}/picture?wait=60s"))
        early = await http.get(f"/api/v1/images/{image_id}?wait=0.1s")
        await send(stack, image_id, fresh_photo)
        answers = [await image, await picture]
        bad = await http.get(f"/api/v1/images/{image_id}?wait=61s")

    assert early.json()["state"] == "STATE_AWAITING_UPLOAD"
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["state"] == "STATE_READY"
    assert answers[1].json()["html"].startswith("<picture>")
    assert (bad.status_code, bad.json()["violations"][0]["field"]) == (400, "wait")


@contextmanager
def without_bus(stack: LiveStack) -> Iterator[None]:
    """Let NATS hang until the block ends; were it killed, the local stack would stop."""
    pid = stack.pid("nats")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_what_the_bus_does_not_bring_is_found(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    image_id = announce(stack, project_id)
    async with watching(stack, f"/api/v1/images/{image_id}/events") as watch:
        await watch.next()
        with without_bus(stack):
            await send(stack, image_id, fresh_photo)
            assert (await watch.next())[0] == "image.committed"
        await watch.until("image.ready")


async def test_two_hundred_watch_at_once(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    image_id = announce(stack, project_id)
    async with AsyncExitStack() as opened:
        http = await opened.enter_async_context(http_client(stack))
        watches = []
        for number in range(200):
            path = f"images/{image_id}" if number % 2 else f"projects/{project_id}"
            answer = await opened.enter_async_context(http.stream("GET", f"/api/v1/{path}/events"))
            watches.append(Watch(answer))
        await asyncio.gather(*(watch.next() for watch in watches))
        assert (await http.get("/api/v1/projects")).status_code == 200

        await send(stack, image_id, fresh_photo)
        told = await asyncio.gather(*(watch.until("image.ready") for watch in watches))

    assert all(events[-1][1]["image"]["id"] == image_id for events in told)


async def test_a_reader_who_does_not_read_gets_the_newest_state(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    image_id = announce(stack, project_id)
    async with (
        watching(stack, f"/api/v1/images/{image_id}/events") as slow,
        watching(stack, f"/api/v1/images/{image_id}/events") as quick,
    ):
        await slow.next()
        await send(stack, image_id, fresh_photo)
        await quick.until("image.ready")
        told = await slow.rest()
    assert told[-1][1]["image"]["state"] == "STATE_READY"


async def test_what_is_not_theirs_is_not_found(
    stack: LiveStack, project_id: ProjectId, other_key: str
) -> None:
    image_id = announce(stack, project_id)
    with stack.http(other_key) as http:
        for path in (
            f"/api/v1/images/{image_id}/events",
            f"/api/v1/projects/{project_id}/events",
            f"/api/v1/images/{new_id(ImageId)}/events",
        ):
            answer = http.get(path)
            assert (answer.status_code, answer.json()["reason"]) == (404, "RESOURCE_NOT_FOUND")


async def test_a_revoked_key_ends_its_streams(stack: LiveStack, project_id: ProjectId) -> None:
    image_id = announce(stack, project_id)
    with stack.http() as http:
        me = http.get("/api/v1/me").json()
        made = http.post(
            "/api/v1/api_keys", json={"user_id": me["user_id"], "display_name": "watching"}
        ).json()
        key, key_id = made["credential"], made["api_key"]["id"]
        async with (
            watching(stack, f"/api/v1/images/{image_id}/events", api_key=key) as one,
            watching(stack, f"/api/v1/projects/{project_id}/events", api_key=key) as every,
        ):
            await one.next()
            await every.next()
            revoked = http.post(f"/api/v1/api_keys/{key_id}:revoke", json={})
            assert revoked.is_success, revoked.text
            for watch in (one, every):
                (*_, last) = await watch.until("error")
                assert (last[1]["status"], last[1]["reason"]) == (401, "CREDENTIAL_REVOKED")
                assert await watch.rest() == []


async def test_a_stop_of_the_catalog_ends_streams_and_others_follow(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    image_id = announce(stack, project_id)
    async with stack.client() as client:
        events = client.watch_image(image_id)
        await anext(events)
        async with watching(stack, f"/api/v1/images/{image_id}/events") as watch:
            await watch.next()
            await asyncio.to_thread(stack.kill, "catalog", signal.SIGTERM)
            assert await watch.rest() == []
        await asyncio.to_thread(stack.wait_ready)
        await send(stack, image_id, fresh_photo)
        told = [event async for event in events]
    assert told[-1].image.pending_generation == 0


def test_the_command_line_tells_of_a_picture(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    image_id = announce(stack, project_id)
    asyncio.run(send(stack, image_id, fresh_photo))

    lines = stack.picstore("images", "watch", image_id)
    again = stack.picstore("images", "watch", image_id, "--json")

    assert lines.returncode == again.returncode == 0, lines.stderr + again.stderr
    assert lines.stdout.startswith("now ")
    assert [json.loads(line)["kind"] for line in again.stdout.splitlines()] == ["KIND_CURRENT"]
    assert eventually(lambda: stack.ready() or None, "a ready stack")
