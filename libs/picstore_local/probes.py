"""Asks a service whether it is ready."""

from __future__ import annotations

import grpc
import httpx
from grpc_health.v1 import health_pb2

_TIMEOUT_S = 2.0


async def grpc_serving(target: str) -> bool:
    """Say whether the whole server at `target` reports SERVING."""
    # Straight to loopback, whatever proxy the machine is set up with.
    options = (("grpc.enable_http_proxy", 0),)
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = await check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def http_healthy(url: str) -> bool:
    """Say whether `/healthz` of the server at `url` answers with 200."""
    async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_S) as client:
        try:
            answer = await client.get(f"{url}/healthz")
        except httpx.TransportError:
            return False
    return answer.status_code == httpx.codes.OK
