"""Ending tasks for good."""

from __future__ import annotations

import asyncio
from typing import Any, Final

_AGAIN_S: Final = 10.0
"""Longer than any task here takes to put its things in order when it is cancelled."""


async def cancel(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and return when all have ended; their results are not looked at.

    One that goes on all the same is cancelled again: before Python 3.12 `asyncio.wait_for`, which
    libraries call, loses a cancellation that comes in the moment in which its wait is over.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_S)
