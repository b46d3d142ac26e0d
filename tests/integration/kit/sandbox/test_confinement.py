"""What the code in a child can do, tried from inside."""

from __future__ import annotations

import asyncio
import fcntl
import os
import platform
import resource
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest
from structlog.testing import capture_logs

from picstore_kit.sandbox.calls import PROCESSORS
from picstore_kit.sandbox.pool import ChildPool, SandboxIncomplete, SandboxLimits
from picstore_kit.sandbox.report import Layer, LayerState, SandboxReport
from picstore_kit.sandbox.seccomp import DENIED
from tests.integration.kit.sandbox.asking import asked

OpenPool = Callable[..., Awaitable[ChildPool]]

PARENT: Final = object()
"""Stands for the process id of the parent."""
DENIED_ANSWER: Final = {"refused": "Operation not permitted"}


@pytest.fixture
async def pool(open_pool: OpenPool) -> ChildPool:
    """A pool on a machine that has every layer, which the tests below are about."""
    pool = await open_pool(required=[Layer.LANDLOCK, Layer.SECCOMP, Layer.NETWORK_NAMESPACE])
    try:
        await pool.started()
    except SandboxIncomplete as error:
        pytest.skip(f"this kernel has not every layer: {error.message}")
    return pool


async def test_every_layer_is_reported(open_pool: OpenPool) -> None:
    pool = await open_pool()
    await pool.started()
    assert pool.report is not None
    assert set(pool.report.layers) == set(Layer)
    assert pool.report.missing([Layer.RLIMITS, Layer.NO_NEW_PRIVILEGES]) == []


async def test_pool_whose_sandbox_lacks_a_required_layer_refuses_to_start(
    open_pool: OpenPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_seccomp(told: dict[str, dict[str, object]]) -> SandboxReport:
        layers = {Layer(name): LayerState(active=True, detail="") for name in told}
        layers[Layer.SECCOMP] = LayerState(active=False, detail="no list for mips")
        return SandboxReport(layers=layers)

    monkeypatch.setattr(SandboxReport, "from_json", without_seccomp)
    pool = await open_pool(required=list(Layer))
    with pytest.raises(SandboxIncomplete, match="seccomp") as caught:
        await pool.started()
    assert caught.value.metadata["seccomp"] == "INACTIVE: no list for mips"
    with pytest.raises(SandboxIncomplete):
        await pool.result(asked("describe"))


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/proc/1/environ", "/root/.bashrc", "/proc/{parent}/environ"]
)
async def test_files_that_no_decoder_needs_cannot_be_read(pool: ChildPool, path: str) -> None:
    answer = await pool.result(asked("read", path=path.format(parent=os.getpid())))
    assert answer == {"refused": "Permission denied"}


async def test_what_the_parent_names_can_be_read_and_not_written(
    pool: ChildPool, open_pool: OpenPool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shelf = tmp_path_factory.mktemp("shelf")
    path = shelf / "book"
    path.write_text("a")
    read = asked("read", path=str(path))
    assert await pool.result(read) == {"refused": "Permission denied"}
    reader = await open_pool(readable=[shelf])
    assert await reader.result(read) == {"allowed": True}
    assert await reader.result(asked("write", path=str(path))) == {"refused": "Permission denied"}
    assert path.read_text() == "a"


async def test_nothing_can_be_written_beside_the_room(pool: ChildPool, tmp_path: Path) -> None:
    (room,) = os.listdir(tmp_path)
    for directory in (tmp_path, tmp_path / room, tmp_path / room / "given"):
        answer = await pool.result(asked("write", path=str(directory / "out")))
        assert answer == {"refused": "Permission denied"}


async def test_nothing_else_can_be_written(
    pool: ChildPool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for directory in (tmp_path_factory.mktemp("other"), Path(__file__).parent, Path("/dev/shm")):
        answer = await pool.result(asked("write", path=str(directory / "out")))
        assert answer == {"refused": "Permission denied"}
        assert not (directory / "out").exists()


async def test_network_cannot_be_reached(pool: ChildPool) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        answer = await pool.result(asked("connect", host="127.0.0.1", port=port))
    assert answer == {"refused": "Operation not permitted"}


@pytest.mark.parametrize("action", ["exec", "fork"])
async def test_no_process_can_be_started(pool: ChildPool, action: str) -> None:
    assert await pool.result(asked(action)) == {"refused": "Operation not permitted"}


@pytest.mark.parametrize("action", ["kill", "ptrace"])
async def test_parent_cannot_be_touched(pool: ChildPool, action: str) -> None:
    answer = await pool.result(asked(action, pid=os.getpid()))
    assert answer == {"refused": "Operation not permitted"}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("prlimit64", [resource.RLIMIT_NOFILE, 0, 0]),
        ("sched_setaffinity", [0, 0]),
        ("sched_setscheduler", [0, 0]),
        ("sched_setparam", [0]),
        ("sched_setattr", [0, 0]),
        ("tgkill", [PARENT, 0]),
        ("tkill", [0]),
        ("rt_sigqueueinfo", [0, 0]),
        ("pidfd_open", [0]),
        ("process_vm_readv", [0, 0, 0, 0, 0]),
        ("get_robust_list", [0, 0]),
        ("move_pages", [0, 0, 0, 0, 0]),
    ],
)
async def test_calls_that_name_a_process_cannot_name_the_parent(
    pool: ChildPool, name: str, arguments: list[object]
) -> None:
    numbers = [os.getpid() if each is PARENT else each for each in [PARENT, *arguments]]
    answer = await pool.result(asked("syscall", name=name, arguments=numbers))
    assert answer == {"refused": "Operation not permitted"}


async def test_a_process_id_is_compared_whole(pool: ChildPool) -> None:
    """The kernel takes 32 bits of it; what a filter lets pass must be what the kernel sees."""
    request = asked("syscall", name="prlimit64", arguments=[1 << 32, 0, 0, 0])
    assert await pool.result(request) == {"refused": "Operation not permitted"}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("setpriority", [os.PRIO_PROCESS, PARENT, 19]),
        ("ioprio_set", [1, PARENT, 0]),
        ("fcntl", [0, fcntl.F_SETOWN, PARENT]),
        ("prctl", [1, 0, 0, 0, 0]),
    ],
)
async def test_parent_cannot_be_slowed_signalled_or_outlived(
    pool: ChildPool, name: str, arguments: list[object]
) -> None:
    numbers = [os.getpid() if each is PARENT else each for each in arguments]
    answer = await pool.result(asked("syscall", name=name, arguments=numbers))
    assert answer == {"refused": "Operation not permitted"}


async def test_child_can_lower_its_own_limits(pool: ChildPool) -> None:
    assert await pool.result(asked("lower_own_limit")) == {"allowed": True}


async def test_every_call_that_is_listed_is_denied(pool: ChildPool) -> None:
    names = DENIED & PROCESSORS[platform.machine()].numbers.keys()
    answers = {
        name: await pool.result(asked("syscall", name=name, arguments=[0] * 6))
        for name in sorted(names)
    }
    assert [name for name, answer in answers.items() if answer != DENIED_ANSWER] == []


@pytest.mark.parametrize("namespace", [0x00020000, 0x10000000, 0x20000000])
async def test_thread_cannot_be_started_in_a_namespace_of_its_own(
    pool: ChildPool, namespace: int
) -> None:
    thread = 0x00010000
    request = asked("syscall", name="clone", arguments=[thread | namespace, 0, 0, 0, 0])
    assert await pool.result(request) == {"refused": "Operation not permitted"}


async def test_what_files_are_cannot_be_changed_anywhere(
    pool: ChildPool, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for directory in (tmp_path, tmp_path_factory.mktemp("other")):
        path = directory / "file"
        path.write_text("a")
        before = path.stat()
        answer = await pool.result(asked("touch", path=str(path)))
        assert set(answer.values()) == {"Operation not permitted"}
        after = path.stat()
        assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
        assert os.listxattr(path) == []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("shmget", [0, 4096, 0o1600]),
        ("memfd_create", ["x", 0]),
        ("memfd_secret", [0]),
        ("mq_open", ["picstore", os.O_CREAT | os.O_RDWR, 0o600, 0]),
        ("semget", [0, 1, 0o1600]),
        ("msgget", [0, 0o1600]),
    ],
)
async def test_no_memory_is_to_be_had_that_no_limit_counts(
    pool: ChildPool, name: str, arguments: list[int | str]
) -> None:
    answer = await pool.result(asked("syscall", name=name, arguments=arguments))
    assert answer == {"refused": "Operation not permitted"}


async def test_threads_can_be_started(pool: ChildPool) -> None:
    assert await pool.result(asked("thread")) == {"ran": True}


async def test_what_is_said_to_be_active_is_what_the_kernel_says(pool: ChildPool) -> None:
    told = await pool.result(asked("privileges"))
    filtered = 2
    assert told == {"NoNewPrivs": "1", "Seccomp": str(filtered), "CapEff": "0" * 16}


async def test_open_files_are_bounded(open_pool: OpenPool) -> None:
    pool = await open_pool(limits=SandboxLimits(open_files=32))
    answer = await pool.result(asked("open_many"))
    assert answer == {"refused": "Too many open files", "highest": 31}


async def test_which_layers_are_active_is_said_at_the_start(open_pool: OpenPool) -> None:
    with capture_logs() as logs:
        pool = await open_pool()
        await pool.started()
    (told,) = [event for event in logs if event["event"] == "sandbox.layers"]
    assert {layer.value for layer in Layer} <= told.keys()
    assert told["rlimits"].startswith("active: ")
