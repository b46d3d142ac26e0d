"""What the code in a child can do, tried from inside."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from picstore_kit.sandbox.pool import ChildPool, SandboxIncomplete, SandboxLimits
from picstore_kit.sandbox.report import Layer, LayerState, SandboxReport

OpenPool = Callable[..., Awaitable[ChildPool]]


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
        await pool.result({"do": "describe"})


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/proc/1/environ", "/root/.bashrc", "/proc/{parent}/environ"]
)
async def test_files_that_no_decoder_needs_cannot_be_read(pool: ChildPool, path: str) -> None:
    answer = await pool.result({"do": "read", "path": path.format(parent=os.getpid())})
    assert answer == {"refused": "Permission denied"}


async def test_work_directory_can_be_read_and_written(pool: ChildPool, tmp_path: Path) -> None:
    path = str(tmp_path / "out")
    assert await pool.result({"do": "write", "path": path}) == {"allowed": True}
    assert await pool.result({"do": "read", "path": path}) == {"allowed": True}


async def test_nothing_else_can_be_written(
    pool: ChildPool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for directory in (tmp_path_factory.mktemp("other"), Path(__file__).parent, Path("/dev/shm")):
        answer = await pool.result({"do": "write", "path": str(directory / "out")})
        assert answer == {"refused": "Permission denied"}
        assert not (directory / "out").exists()


async def test_network_cannot_be_reached(pool: ChildPool) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        answer = await pool.result({"do": "connect", "host": "127.0.0.1", "port": port})
    assert answer == {"refused": "Operation not permitted"}


@pytest.mark.parametrize("action", ["exec", "fork"])
async def test_no_process_can_be_started(pool: ChildPool, action: str) -> None:
    assert await pool.result({"do": action}) == {"refused": "Operation not permitted"}


@pytest.mark.parametrize("action", ["kill", "ptrace"])
async def test_parent_cannot_be_touched(pool: ChildPool, action: str) -> None:
    answer = await pool.result({"do": action, "pid": os.getpid()})
    assert answer == {"refused": "Operation not permitted"}


async def test_threads_can_be_started(pool: ChildPool) -> None:
    assert await pool.result({"do": "thread"}) == {"ran": True}


async def test_what_is_said_to_be_active_is_what_the_kernel_says(pool: ChildPool) -> None:
    told = await pool.result({"do": "privileges"})
    filtered = 2
    assert told == {"NoNewPrivs": "1", "Seccomp": str(filtered), "CapEff": "0" * 16}


async def test_open_files_are_bounded(open_pool: OpenPool) -> None:
    pool = await open_pool(limits=SandboxLimits(open_files=32))
    answer = await pool.result({"do": "open_many"})
    assert answer == {"refused": "Too many open files", "highest": 31}


async def test_which_layers_are_active_is_said_at_the_start(open_pool: OpenPool) -> None:
    with capture_logs() as logs:
        pool = await open_pool()
        await pool.started()
    (told,) = [event for event in logs if event["event"] == "sandbox.layers"]
    assert {layer.value for layer in Layer} <= told.keys()
    assert told["rlimits"].startswith("active: ")
