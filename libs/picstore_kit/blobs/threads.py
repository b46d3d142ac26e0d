"""A bounded number of threads for calls that block."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def _ended(call: asyncio.Future[T]) -> None:
    """Wait for `call`, however often the waiting is cancelled, and forget what became of it."""
    while not call.done():
        with suppress(asyncio.CancelledError):  # the caller raises the one that it has already
            await asyncio.wait((call,))
    if not call.cancelled():
        call.exception()  # has been looked at: the cancellation is what matters


class Threads:
    """Runs blocking calls, at most `limit` at a time; further ones wait their turn."""

    def __init__(self, limit: int, *, name: str) -> None:
        self._executor = ThreadPoolExecutor(limit, thread_name_prefix=name)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `call` returns.

        A cancelled caller still waits for a call that has begun: it uses files and sockets that the
        caller is about to close. So a call must come to an end by itself.
        """
        return await self.run_until(lambda: None, partial(call, *args, **kwargs))

    async def run_until(self, interrupt: Callable[[], None], call: Callable[[], T]) -> T:
        """Return what `call` returns; a cancellation calls `interrupt`, which makes it end soon."""
        running = self._executor.submit(contextvars.copy_context().run, call)
        result = asyncio.wrap_future(running)
        try:
            return await asyncio.shield(result)
        except asyncio.CancelledError:
            if not running.cancel():
                interrupt()
                await _ended(result)
            raise

    def close(self) -> None:
        """Drop calls that have not begun; threads end with the call that they are in."""
        self._executor.shutdown(wait=False, cancel_futures=True)
