"""The loop of every relay: whatever waits in a table is passed on, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from picstore_kit.errors import PicstoreError

FLUSH_S: Final = 5.0
"""Longest that a stopping relay goes on."""

log = structlog.get_logger(__name__)


async def forward(
    pass_on: Callable[[], Awaitable[bool]],
    *,
    what: str,
    poll_s: float,
    wake: asyncio.Event | None = None,
) -> None:
    """Call `pass_on` until cancelled: at once while it says that there is more, else by and by.

    `wake` cuts the pause short. A `PicstoreError` is logged, and the next round tries again: what
    is passed on must still be there.

    When cancelled it goes on for a moment: what the last calls of a stopping service added need not
    wait for its next start, and a batch under way would have to be passed on again.
    """
    woken = wake or asyncio.Event()
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        forwarding = tasks.create_task(
            _forward_until(stopping, pass_on, what=what, poll_s=poll_s, wake=woken)
        )
        try:
            await asyncio.shield(forwarding)
        except asyncio.CancelledError:
            stopping.set()
            woken.set()
            await asyncio.wait((forwarding,), timeout=FLUSH_S)
            raise


async def _forward_until(
    stopping: asyncio.Event,
    pass_on: Callable[[], Awaitable[bool]],
    *,
    what: str,
    poll_s: float,
    wake: asyncio.Event,
) -> None:
    while True:
        last_round = stopping.is_set()
        wake.clear()
        more = False
        try:
            more = await pass_on()
        except PicstoreError as error:
            log.warning("relay.failed", relay=what, reason=error.reason, error=error.message)
        if more:
            continue
        if last_round:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(poll_s):
                await wake.wait()
