"""Composition root of the gateway."""

from __future__ import annotations

import asyncio
import sys
from importlib import metadata

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2

from picstore_gateway.app import SERVICES, application
from picstore_gateway.backends import credential
from picstore_gateway.server import HTTPServer
from picstore_gateway.settings import GatewaySettings
from picstore_kit.errors import PicstoreError
from picstore_kit.lifecycle import Lifecycle
from picstore_kit.main import service_main
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import BearerCredentials

_READY_TIMEOUT_S = 2.0


async def build(settings: GatewaySettings, lifecycle: Lifecycle) -> None:
    """Open everything that the gateway works with."""
    targets = {
        "auth": settings.targets.auth,
        "catalog": settings.targets.catalog,
        "upload": settings.targets.upload,
    }
    channels = {
        process: await lifecycle.enter(
            open_channel(
                target,
                services=SERVICES[process],
                credentials=BearerCredentials(credential.get),
            )
        )
        for process, target in targets.items()
    }
    draining = asyncio.Event()

    async def ready() -> bool:
        return not draining.is_set() and all(
            await asyncio.gather(*map(_is_serving, channels.values()))
        )

    async def drain() -> None:
        draining.set()

    app = application(
        channels,
        ready=ready,
        version=metadata.version("picstore"),
        trusted_proxies=settings.http.trusted_proxies,
        stopping=draining,
    )
    server = await lifecycle.enter(
        HTTPServer(
            app,
            listen=settings.http.listen,
            stop_grace_s=settings.http.stop_grace_s,
            idle_timeout_s=settings.http.idle_timeout_s,
        )
    )
    lifecycle.spawn("http", server.run())
    lifecycle.on_drain(drain)


async def _is_serving(channel: grpc.aio.Channel) -> bool:
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        answer = await check(health_pb2.HealthCheckRequest(), timeout=_READY_TIMEOUT_S)
    except (PicstoreError, grpc.RpcError):
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def main() -> int:
    """Run the gateway until it is told to stop."""
    return service_main("gateway", GatewaySettings, build)


if __name__ == "__main__":
    sys.exit(main())
