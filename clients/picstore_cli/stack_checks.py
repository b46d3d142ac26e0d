"""What the doctor looks at in a local stack that runs: its processes, servers and services."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from picstore_cli.doctor import Finding, bad, good
from picstore_local.datadir import RunningStack
from picstore_local.probes import grpc_serving, http_healthy

_SERVERS: Final = {"postgres": "Postgres", "nats": "NATS", "s3": "the S3 store"}
_TIMEOUT_S: Final = 2.0


async def stack_findings(folder: Path, stack: RunningStack) -> AsyncIterator[Finding]:
    """Look at the stack that runs on the data directory `folder`."""
    yield good(f"the local stack runs as process {stack.pid}")
    logs = folder / "logs"
    children: list[Mapping[str, Any]] = await asyncio.to_thread(_read, folder / "children.json", [])
    state: Mapping[str, Any] = await asyncio.to_thread(_read, folder / "state.json", {})
    alive = {child["name"]: child["pid"] for child in children if _is_alive(child)}
    for name, words in _SERVERS.items():
        if not any(child["name"] == name for child in children):
            yield good(f"{words} is not embedded: the environment names another")
        elif name not in alive:
            yield bad(f"{words} has ended", f"read {logs / name}.log, then: picstore up")
        elif not await _accepts(state.get("ports", {}).get(name)):
            yield bad(f"{words} (process {alive[name]}) does not answer", f"read {logs / name}.log")
        else:
            yield good(f"{words} answers (process {alive[name]})")
    for name, target in stack.urls.items():
        probe = http_healthy(target) if target.startswith("http") else grpc_serving(target)
        serves = await probe
        if serves:
            yield good(f"{name} is ready on {target}")
        elif name in alive:
            yield bad(f"{name} (process {alive[name]}) is not ready", f"read {logs / name}.log")
        else:
            yield bad(f"{name} has ended", f"read {logs / name}.log; the stack starts it again")


def _read(path: Path, default: Any) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return default


def _is_alive(child: Mapping[str, Any]) -> bool:
    try:
        process = psutil.Process(child["pid"])
        same = abs(process.create_time() - child["created"]) < 1
        return same and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def _accepts(port: int | None) -> bool:
    if port is None:
        return False
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
    except OSError:  # a timeout is one, too
        return False
    return True
