"""Pools of children that run the functions in `targets`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from picstore_kit.sandbox.pool import ChildPool, SandboxLimits

HERE = Path(__file__).parent
MIB = 1024 * 1024

OpenPool = Callable[..., Awaitable[ChildPool]]


@pytest.fixture
async def open_pool(tmp_path: Path) -> AsyncIterator[OpenPool]:
    """Open a pool of `targets.run`; it closes after the test."""
    async with AsyncExitStack() as stack:

        async def open_pool(
            *,
            target: str = "targets:run",
            size: int = 1,
            spares: int = 0,
            limits: SandboxLimits | None = None,
            **options: Any,
        ) -> ChildPool:
            return await stack.enter_async_context(
                ChildPool(
                    target=target,
                    size=size,
                    spares=spares,
                    limits=limits or SandboxLimits(memory_bytes=512 * MIB, wall_s=20),
                    env={"PYTHONPATH": str(HERE)},
                    work_dir=tmp_path,
                    **options,
                )
            )

        yield open_pool
