"""Children die, hang, lie and leak; the pool does not."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from picstore_kit.errors import Reason
from picstore_kit.sandbox.pool import (
    ChildCrashed,
    ChildDied,
    ChildMemory,
    ChildPool,
    ChildRefused,
    ChildTimeout,
    ChildUnavailable,
    RequestFor,
    SandboxLimits,
)
from tests.integration.kit.sandbox.asking import asked

MIB = 1024 * 1024

OpenPool = Callable[..., Awaitable[ChildPool]]


def exists(pid: int) -> bool:
    try:
        return b"\nState:\tZ" not in Path(f"/proc/{pid}/status").read_bytes()
    except FileNotFoundError:
        return False


async def until_gone(pid: int) -> None:
    while exists(pid):  # noqa: ASYNC110  # only the kernel knows
        await asyncio.sleep(0.01)


async def pid_of(pool: ChildPool) -> int:
    described = await pool.result(asked("describe"))
    pid: int = described["pid"]
    return pid


async def start_sleeping(pool: ChildPool) -> tuple[int, Any]:
    """Begin a call that lasts; returns the child's pid and the call."""
    call = pool.call(asked("sleep", s=60))
    pid: int = (await anext(call))["pid"]
    return pid, call


async def test_call_yields_progress_and_then_the_result(open_pool: OpenPool) -> None:
    pool = await open_pool()
    messages = [message async for message in pool.call(asked("count", to=3))]
    assert messages == [{"number": 0}, {"number": 1}, {"number": 2}, {"counted": 3}]


async def test_started_returns_when_the_target_is_warm(open_pool: OpenPool) -> None:
    pool = await open_pool(size=2)
    await pool.started()
    described = await pool.result(asked("describe"))
    assert described["warmed"] is True


async def test_child_has_no_secrets_and_no_grpc(
    open_pool: OpenPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICSTORE_SECRET", "hush")
    pool = await open_pool()
    described = await pool.result(asked("describe"))
    assert sorted(described["env"]) == ["LANG", "MALLOC_ARENA_MAX", "PATH", "PYTHONPATH", "TMPDIR"]
    roots = {name.partition(".")[0] for name in described["modules"]}
    assert not roots & {"grpc", "asyncio", "nats", "psycopg", "structlog"}


async def test_child_inherits_no_descriptor(open_pool: OpenPool, tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        pool = await open_pool()
        described = await pool.result(asked("describe"))
    # Standard input, output and error, the socket, and the listing itself.
    assert described["files"] == 5


async def test_what_a_library_prints_cannot_forge_a_result(open_pool: OpenPool) -> None:
    pool = await open_pool()
    assert await pool.result(asked("print")) == {"forged": False}


async def test_refusal_crosses_with_its_reason_and_leaves_the_child_alive(
    open_pool: OpenPool,
) -> None:
    pool = await open_pool()
    before = await pid_of(pool)
    with pytest.raises(ChildRefused, match="it is broken") as caught:
        await pool.result(asked("refuse"))
    assert caught.value.reason is Reason.IMAGE_CORRUPT
    assert caught.value.metadata == {"at": "byte 7"}
    assert await pid_of(pool) == before


async def test_bug_in_the_target_costs_the_child_and_is_logged(open_pool: OpenPool) -> None:
    pool = await open_pool()
    with capture_logs() as logs:
        with pytest.raises(ChildCrashed) as caught:
            await pool.result(asked("raise"))
        await pid_of(pool)
    assert caught.value.exit_code == 1
    assert caught.value.signal is None
    (died,) = [entry for entry in logs if entry["event"] == "sandbox.child_died"]
    assert "a bug" in died["output"]
    assert "a bug" not in caught.value.message


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
async def test_child_that_dies_of_a_signal_fails_one_call_only(
    open_pool: OpenPool, number: signal.Signals
) -> None:
    pool = await open_pool()
    with pytest.raises(ChildCrashed, match=number.name) as caught:
        await pool.result(asked("die", signal=number))
    assert caught.value.signal == number
    assert caught.value.reason is Reason.CHILD_CRASHED
    assert await pid_of(pool)


async def test_null_pointer_in_a_library_fails_one_call_only(open_pool: OpenPool) -> None:
    pool = await open_pool()
    with pytest.raises(ChildCrashed, match="SIGSEGV"):
        await pool.result(asked("crash"))
    assert await pid_of(pool)


async def test_child_that_is_killed_from_outside_fails_its_call(open_pool: OpenPool) -> None:
    pool = await open_pool()
    pid, call = await start_sleeping(pool)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ChildCrashed, match="SIGKILL"):
        await anext(call)


async def test_child_that_is_killed_while_idle_is_replaced(open_pool: OpenPool) -> None:
    pool = await open_pool()
    before = await pid_of(pool)
    os.kill(before, signal.SIGKILL)
    await until_gone(before)
    while pool.idle:  # noqa: ASYNC110  # until the pool has noticed, too
        await asyncio.sleep(0)
    assert await pid_of(pool) != before


async def test_child_that_exits_fails_its_call(open_pool: OpenPool) -> None:
    pool = await open_pool()
    with pytest.raises(ChildCrashed, match="exit code 3"):
        await pool.result(asked("exit"))


async def test_stopped_child_is_killed_at_the_deadline(open_pool: OpenPool) -> None:
    pool = await open_pool(limits=SandboxLimits(wall_s=0.5))
    pid, call = await start_sleeping(pool)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ChildTimeout) as caught:
        await anext(call)
    assert caught.value.reason is Reason.CHILD_TIMEOUT
    await until_gone(pid)
    assert await pid_of(pool) != pid


async def test_time_that_the_caller_takes_is_not_the_childs(open_pool: OpenPool) -> None:
    pool = await open_pool(limits=SandboxLimits(wall_s=0.6))
    messages = []
    async for message in pool.call(asked("sleep", s=0.2)):
        messages.append(message)
        if len(messages) == 1:
            await asyncio.sleep(0.8)
    assert messages[-1] == {"slept": True}


async def test_cpu_loop_is_ended_by_the_kernel(open_pool: OpenPool) -> None:
    pool = await open_pool(limits=SandboxLimits(cpu_s=1, wall_s=30))
    with pytest.raises(ChildTimeout, match="CPU"):
        await pool.result(asked("burn"))


async def test_memory_bomb_is_a_memory_error(open_pool: OpenPool) -> None:
    pool = await open_pool(limits=SandboxLimits(memory_bytes=256 * MIB))
    before = await pid_of(pool)
    with pytest.raises(ChildMemory) as caught:
        await pool.result(asked("hoard"))
    assert caught.value.reason is Reason.CHILD_MEMORY
    assert await pid_of(pool) != before


async def test_a_death_is_told_with_what_there_is_to_find_out_why(open_pool: OpenPool) -> None:
    pool = await open_pool()
    with pytest.raises(ChildCrashed) as caught:
        await pool.result(asked("say_and_die", signal=signal.SIGSEGV, text="bad box"))
    death = caught.value.death
    assert (death.signal, death.exit_code, death.limit) == (signal.SIGSEGV, None, "")
    assert "bad box" in death.output
    assert death.output.endswith("bad box\n")
    assert death.peak_rss_bytes > MIB

    with pytest.raises(ChildCrashed) as caught:
        await pool.result(asked("exit"))
    assert (caught.value.death.signal, caught.value.death.exit_code) == (None, 3)


@pytest.mark.parametrize(
    ("request_", "limits", "limit"),
    [
        (asked("burn"), SandboxLimits(cpu_s=1, wall_s=30), "cpu"),
        (asked("sleep", s=60), SandboxLimits(wall_s=0.5), "wall"),
        (asked("hoard"), SandboxLimits(memory_bytes=256 * MIB), "memory"),
    ],
    ids=["cpu", "wall", "memory"],
)
async def test_a_death_names_the_limit(
    open_pool: OpenPool, request_: RequestFor, limits: SandboxLimits, limit: str
) -> None:
    pool = await open_pool(limits=limits)
    with pytest.raises(ChildDied) as caught:
        await pool.result(request_)
    assert caught.value.death.limit == limit


async def test_the_most_memory_that_is_held_is_counted_for_each_call(open_pool: OpenPool) -> None:
    held = b"x" * (300 * MIB)  # by the parent, which is not to be counted
    pool = await open_pool()
    del held
    large = await pool.result(asked("peak", bytes=200 * MIB))
    small = await pool.result(asked("peak", bytes=MIB))
    assert large["peak_rss_bytes"] > 200 * MIB > small["peak_rss_bytes"]


async def test_file_that_is_too_large_cannot_be_written(open_pool: OpenPool) -> None:
    pool = await open_pool(limits=SandboxLimits(file_bytes=1000))
    request = asked("write", path="out", bytes=2000)
    assert await pool.result(request) == {"refused": "File too large"}


async def test_huge_message_costs_the_child_and_not_the_parents_memory(
    open_pool: OpenPool,
) -> None:
    pool = await open_pool()
    with pytest.raises(ChildCrashed, match="message of more than"):
        await pool.result(asked("shout", bytes=50 * MIB))
    assert await pid_of(pool)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("not json", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not an object"),
        ('{"result": 1}', "not in the protocol"),
        ('{"other": {}}', "not in the protocol"),
        ('{"refused": {"reason": "X", "message": "", "metadata": {}}}', "no known reason"),
        ('{"refused": {"reason": [], "message": "", "metadata": {}}}', "no known reason"),
        ('{"refused": {"reason": "INTERNAL", "metadata": 7}}', "no known reason"),
    ],
)
async def test_child_that_breaks_the_protocol_is_killed(
    open_pool: OpenPool, line: str, told: str
) -> None:
    pool = await open_pool()
    before = await pid_of(pool)
    with pytest.raises(ChildCrashed, match=told):
        await pool.result(asked("babble", line=line))
    await until_gone(before)


async def test_refusal_that_a_child_made_up_is_cut_to_plain_short_text(
    open_pool: OpenPool,
) -> None:
    pool = await open_pool()
    line = '{"refused": {"reason": "IMAGE_CORRUPT", "message": "a\\u0000\\nb%s", "metadata": {}}}'
    with pytest.raises(ChildRefused) as caught:
        await pool.result(asked("babble", line=line % ("x" * 10_000)))
    assert caught.value.message.startswith("abx")
    assert len(caught.value.message) <= 500


async def test_child_that_hangs_up_is_killed(
    open_pool: OpenPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("picstore_kit.sandbox.process._BURIAL_S", 0.2)
    pool = await open_pool()
    before = await pid_of(pool)
    with pytest.raises(ChildCrashed, match="hung up"):
        await pool.result(asked("hang_up"))
    await until_gone(before)


async def test_child_is_replaced_after_its_calls(open_pool: OpenPool) -> None:
    pool = await open_pool(limits=SandboxLimits(max_calls=2))
    pids = [await pid_of(pool) for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


async def test_child_is_replaced_when_it_has_grown(open_pool: OpenPool) -> None:
    pool = await open_pool(limits=SandboxLimits(max_rss_bytes=100 * MIB))
    before = await pid_of(pool)
    assert (await pool.result(asked("grow", bytes=8 * MIB)))["pid"] == before
    assert (await pool.result(asked("grow", bytes=128 * MIB)))["pid"] == before
    assert await pid_of(pool) != before


async def test_cpu_limit_begins_anew_with_each_call(open_pool: OpenPool) -> None:
    pool = await open_pool(limits=SandboxLimits(cpu_s=1, max_calls=3))
    with pytest.raises(ChildTimeout):
        await pool.result(asked("burn"))
    pids = {await pid_of(pool) for _ in range(3)}
    assert len(pids) == 1


async def test_calls_run_side_by_side_up_to_the_size(open_pool: OpenPool) -> None:
    pool = await open_pool(size=2)
    first, first_call = await start_sleeping(pool)
    second, second_call = await start_sleeping(pool)
    third = asyncio.create_task(pid_of(pool))
    await asyncio.sleep(0)
    assert not third.done()
    await first_call.aclose()
    await second_call.aclose()
    assert len({first, second, await third}) == 3


async def test_spare_takes_over_at_once(open_pool: OpenPool) -> None:
    pool = await open_pool(size=1, spares=1)
    await pool.started()
    while len(pool.idle) < 2:  # noqa: ASYNC110  # until the spare is warm, too
        await asyncio.sleep(0.01)
    warm = set(pool.idle)
    with pytest.raises(ChildCrashed):
        await pool.result(asked("exit"))
    assert await pid_of(pool) in warm


async def test_cancelled_call_kills_its_child(open_pool: OpenPool) -> None:
    pool = await open_pool()
    started: asyncio.Queue[int] = asyncio.Queue()

    async def work() -> None:
        async for message in pool.call(asked("sleep", s=60)):
            started.put_nowait(message["pid"])

    task = asyncio.create_task(work())
    pid = await started.get()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_gone(pid)
    assert await pid_of(pool) != pid


async def test_call_that_is_left_early_kills_its_child(open_pool: OpenPool) -> None:
    pool = await open_pool()
    async with aclosing(pool.call(asked("sleep", s=60))) as messages:
        async for message in messages:
            pid = message["pid"]
            break
    await until_gone(pid)


async def test_close_kills_every_child(open_pool: OpenPool) -> None:
    pool = await open_pool(size=2)
    pid, call = await start_sleeping(pool)
    idle = await pid_of(pool)
    await pool.close()
    assert not exists(pid)
    assert not exists(idle)
    with pytest.raises(ChildCrashed):
        await anext(call)
    with pytest.raises(ChildUnavailable, match="closed"):
        await pid_of(pool)


async def test_target_that_cannot_be_imported_is_told_instead_of_waited_for(
    open_pool: OpenPool,
) -> None:
    with capture_logs() as logs:
        pool = await open_pool(target="broken_target:run")
        with pytest.raises(ChildUnavailable):
            await pool.started()
        with pytest.raises(ChildUnavailable):
            await pool.result(asked("describe"))
    outputs = [entry["output"] for entry in logs if entry["event"] == "sandbox.child_died"]
    assert "this library is missing" in outputs[0]


async def test_children_die_with_their_parent(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(Path(__file__).parent), str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert exists(child)
    parent.kill()
    await parent.wait()
    await until_gone(child)


PARENT = """
import asyncio, sys
from pathlib import Path
from picstore_kit.sandbox.pool import ChildPool, SandboxLimits

async def main():
    limits = SandboxLimits()
    env = {"PYTHONPATH": sys.argv[1]}
    async with ChildPool(
        target="targets:run", size=1, spares=0, limits=limits, env=env, work_dir=Path(sys.argv[2])
    ) as pool:
        print((await pool.result(lambda room: {"do": "describe"}))["pid"], flush=True)
        await asyncio.Event().wait()

import structlog
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
asyncio.run(main())
"""
