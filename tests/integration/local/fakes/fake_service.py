"""A service as small as can be: it is healthy on `PICSTORE_RPC__LISTEN` until SIGTERM.

How it is to misbehave, it learns from files in the directory `PICSTORE_FAKE_DIR`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio


async def main() -> None:
    name = os.environ["PICSTORE_IDENTITY__NAME"]
    folder = Path(os.environ["PICSTORE_FAKE_DIR"])
    print(f"{name} says hello", flush=True)
    if (folder / f"{name}.broken").exists():
        sys.exit(f"{name} cannot work like this")
    with (folder / "order").open("a") as order:
        order.write(f"start {name}\n")
    server = grpc.aio.server()
    server.add_insecure_port(os.environ["PICSTORE_RPC__LISTEN"])
    health = aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    await server.start()
    await health.set("", health_pb2.HealthCheckResponse.SERVING)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    with (folder / "order").open("a") as order:
        order.write(f"stop {name}\n")
    await server.stop(0)


if __name__ == "__main__":
    asyncio.run(main())
