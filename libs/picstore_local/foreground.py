"""Runs a stack in front of a person: until Ctrl-C, a signal, or a failure."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Final

from picstore_local.reporter import Reporter
from picstore_local.stack import Stack

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run_in_foreground(
    stack: Stack, reporter: Reporter, *, when_ready: Callable[[], Awaitable[bool]]
) -> None:
    """Start `stack`, call `when_ready`, and keep it running until a signal if that returned True.

    The first signal stops it in an orderly way, one during that stop at once.

    Raises:
        LocalError: It did not start, or something is beyond recovery.
    """
    loop = asyncio.get_running_loop()
    stopping = False

    async def work() -> None:
        nonlocal stopping
        await stack.start()
        try:
            if await when_ready():
                raise await stack.wait_failed()
        finally:
            stopping = True
            reporter.step("stopping; Ctrl-C ends everything at once")
            await stack.stop()

    task = asyncio.ensure_future(work())

    def on_signal() -> None:
        nonlocal stopping
        if stopping:
            stack.kill()
        else:
            stopping = True
            task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        await task
    except asyncio.CancelledError:
        if not stopping:
            task.cancel()
            raise
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
