"""Ending tasks for good."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from picstore_kit import tasks


async def test_cancel_returns_when_all_have_ended() -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    both = [asyncio.create_task(work()) for _ in range(2)]

    await tasks.cancel(*both)

    assert all(task.cancelled() for task in both)


async def test_cancel_asks_again_where_a_cancellation_was_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "_AGAIN_S", 0.01)
    lost = asyncio.Event()

    async def forgetful() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        lost.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(forgetful())
    await asyncio.sleep(0)

    await tasks.cancel(task)

    assert lost.is_set()
    assert task.cancelled()


async def test_cancel_lets_a_task_put_its_things_in_order() -> None:
    tidied = asyncio.Event()

    async def tidy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            tidied.set()

    task = asyncio.create_task(tidy())
    await asyncio.sleep(0)

    await tasks.cancel(task)

    assert tidied.is_set()


async def test_cancel_of_what_is_done_is_nothing() -> None:
    async def work() -> int:
        return 1

    task = asyncio.create_task(work())
    await task

    await tasks.cancel(task)

    assert task.result() == 1
