"""What a child shares with its parent, and with no other child; tried from inside."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import pytest

from picstore_kit.errors import InvalidArgument, Reason
from picstore_kit.sandbox.pool import ChildPool, RequestFor, Room, SandboxIncomplete
from picstore_kit.sandbox.report import Layer
from tests.integration.kit.sandbox.asking import asked

OpenPool = Callable[..., Awaitable[ChildPool]]

ALLOWED: Final = {"allowed": True}
FORBIDDEN: Final = {"refused": "Permission denied"}
NOT_PERMITTED: Final = {"refused": "Operation not permitted"}
ELSEWHERE: Final = {"refused": "Invalid cross-device link"}
"""How Landlock says that a file may not go to another directory."""


@pytest.fixture
async def pool(open_pool: OpenPool) -> ChildPool:
    """A pool of two children, on a machine that has the layers which the tests are about."""
    pool = await open_pool(size=2, required=[Layer.LANDLOCK, Layer.SECCOMP])
    try:
        await pool.started()
    except SandboxIncomplete as error:
        pytest.skip(f"this kernel has not every layer: {error.message}")
    return pool


@pytest.fixture
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is needed after the call, and that the child of a call is given."""
    path = tmp_path_factory.mktemp("private") / "source"
    path.write_text("as it was")
    return path


def content_of(path: Path) -> str:
    return path.read_text()


def on(source: Path, do: Callable[[Room, Path], dict[str, Any]]) -> RequestFor:
    """Give the source, and ask for something that is done to it."""
    return lambda room: do(room, room.give(source, "source"))


def calling(name: str, *arguments: object) -> dict[str, Any]:
    return {
        "do": "os",
        "name": name,
        "arguments": [str(each) if isinstance(each, Path) else each for each in arguments],
    }


def just(request: dict[str, Any]) -> RequestFor:
    """Ask the same whatever room the child has."""
    return lambda _: request


async def test_what_is_given_can_be_read(pool: ChildPool, source: Path) -> None:
    answer = await pool.result(on(source, lambda _, path: {"do": "read", "path": str(path)}))
    assert answer == ALLOWED


@pytest.mark.parametrize(
    ("action", "refusal"),
    [
        (lambda room, path: calling("open", path, os.O_RDWR), FORBIDDEN),
        (lambda room, path: calling("open", path, os.O_WRONLY | os.O_TRUNC), FORBIDDEN),
        (lambda room, path: calling("open", path, os.O_RDONLY | os.O_TRUNC), NOT_PERMITTED),
        (lambda room, path: calling("open", path, os.O_ACCMODE | os.O_TRUNC), NOT_PERMITTED),
        (lambda room, path: calling("truncate", path, 0), NOT_PERMITTED),
        (lambda room, path: calling("chmod", path, 0o777), NOT_PERMITTED),
        (lambda room, path: calling("unlink", path), FORBIDDEN),
        (lambda room, path: calling("rename", path, room.made / "own"), FORBIDDEN),
        (lambda room, path: calling("link", path, room.made / "own"), ELSEWHERE),
        (lambda room, path: calling("symlink", path, room.made / "own"), FORBIDDEN),
    ],
)
async def test_what_is_given_cannot_be_changed(
    pool: ChildPool,
    source: Path,
    action: Callable[[Room, Path], dict[str, Any]],
    refusal: dict[str, str],
) -> None:
    """The file of an upload is stored after its header was read; it is the same file."""
    assert await pool.result(on(source, action)) == refusal
    assert content_of(source) == "as it was"


@pytest.mark.parametrize("do", ["read", "write"])
async def test_what_is_made_can_be_read_and_written(pool: ChildPool, do: str) -> None:
    def request_for(room: Room) -> dict[str, Any]:
        (room.made / "out").write_text("a")
        return {"do": do, "path": str(room.made / "out")}

    assert await pool.result(request_for) == ALLOWED


async def test_room_is_the_working_directory_and_that_of_temporary_files(pool: ChildPool) -> None:
    rooms: list[Room] = []

    def request_for(room: Room) -> dict[str, Any]:
        rooms.append(room)
        return {"do": "describe"}

    described = await pool.result(request_for)
    assert described["env"]["TMPDIR"] == str(rooms[0].made)
    assert await pool.result(asked("write", path="out")) == ALLOWED


async def test_no_directory_can_be_made(pool: ChildPool) -> None:
    """They could be nested until nobody can remove them."""
    assert await pool.result(lambda room: calling("mkdir", room.made / "a")) == FORBIDDEN


def forging(name: str, path: Path) -> RequestFor:
    """Have a child put a file of its own beside one of another, or in its place."""

    def request_for(room: Room) -> dict[str, Any]:
        (room.made / "own").write_text("forged")
        return calling(name, "own", path if name == "rename" else path.with_name("forged"))

    return request_for


async def begun(pool: ChildPool, source: Path) -> tuple[Room, Any]:
    """Have one child work on the source for long; returns its room and its call."""
    rooms: list[Room] = []

    def request_for(room: Room) -> dict[str, Any]:
        rooms.append(room)
        room.give(source, "source")
        (room.made / "output").write_text("not finished")
        return {"do": "sleep", "s": 60}

    call = pool.call(request_for)
    await anext(call)
    return rooms[0], call


async def test_child_cannot_reach_the_files_of_another_job(
    pool: ChildPool, source: Path, tmp_path: Path
) -> None:
    theirs, call = await begun(pool, source)
    for path in (theirs.given / "source", theirs.made / "output"):
        assert await pool.result(asked("read", path=str(path))) == FORBIDDEN
        assert await pool.result(asked("write", path=str(path))) == FORBIDDEN
        assert await pool.result(just(calling("unlink", path))) == FORBIDDEN
        for name in ("link", "rename"):
            away = await pool.result(just(calling(name, path, "own")))
            assert away in (FORBIDDEN, ELSEWHERE)
            assert await pool.result(forging(name, path)) in (FORBIDDEN, ELSEWHERE)
    for directory in (theirs.given, theirs.made, theirs.made.parent, tmp_path, source.parent):
        assert await pool.result(just(calling("listdir", directory))) == FORBIDDEN
    assert content_of(theirs.given / "source") == "as it was"
    assert content_of(theirs.made / "output") == "not finished"
    await call.aclose()


async def test_what_is_made_is_there_until_the_next_message_and_nothing_after_the_call(
    pool: ChildPool, source: Path
) -> None:
    rooms: list[Room] = []

    def request_for(room: Room) -> dict[str, Any]:
        rooms.append(room)
        room.give(source, "source")
        return {"do": "write", "path": str(room.made / "out")}

    async with aclosing(pool.call(request_for)) as messages:
        async for message in messages:
            assert message == ALLOWED
            assert os.listdir(rooms[0].given) == ["source"]
            assert os.listdir(rooms[0].made) == ["out"]
    assert os.listdir(rooms[0].given) == os.listdir(rooms[0].made) == []
    assert content_of(source) == "as it was"


async def test_refused_call_leaves_nothing_either(pool: ChildPool, source: Path) -> None:
    rooms: list[Room] = []

    def request_for(room: Room) -> dict[str, Any]:
        rooms.append(room)
        room.give(source, "source")
        raise InvalidArgument(Reason.FIELD_INVALID, "no")

    before = set(pool.idle)
    with pytest.raises(InvalidArgument):
        await pool.result(request_for)
    assert os.listdir(rooms[0].given) == []
    assert set(pool.idle) == before


async def test_room_goes_with_its_child(pool: ChildPool, source: Path, tmp_path: Path) -> None:
    room, call = await begun(pool, source)
    assert room.given.exists()
    await call.aclose()
    async with asyncio.timeout(20):
        while room.made.parent.exists():  # noqa: ASYNC110  # only the disk knows
            await asyncio.sleep(0.01)
    assert content_of(source) == "as it was"
    await pool.close()
    assert os.listdir(tmp_path) == []


async def test_child_whose_room_cannot_be_cleared_is_replaced(pool: ChildPool) -> None:
    rooms: list[Room] = []

    def request_for(room: Room) -> dict[str, Any]:
        rooms.append(room)
        (room.made / "a folder").mkdir()
        return {"do": "describe"}

    described = await pool.result(request_for)
    assert described["pid"] not in pool.idle
    async with asyncio.timeout(20):
        while rooms[0].made.parent.exists():  # noqa: ASYNC110  # only the disk knows
            await asyncio.sleep(0.01)
