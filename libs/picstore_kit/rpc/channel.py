"""Channels to other services: balanced, kept alive, and repeating only what is safe to repeat.

    channel = await lifecycle.enter(
        open_channel(targets.catalog, services=["picstore.catalog.v1.ImageService"], …)
    )
    images = image_service_pb2_grpc.ImageServiceStub(channel)

Errors come out of stubs as the `PicstoreError` that the other service raised.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import grpc
from google.api import annotations_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from picstore_kit.rpc.credentials import Credentials
from picstore_kit.rpc.outgoing import OutgoingCalls

_RETRY_POLICY: Final = {
    "maxAttempts": 4,
    "initialBackoff": "0.05s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    # Nothing else: any other code may mean that the call had its effect.
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_KEEPALIVE_MS: Final = 60_000
_KEEPALIVE_TIMEOUT_MS: Final = 10_000
_RECONNECT_MIN_MS: Final = 100
_RECONNECT_MAX_MS: Final = 1_000


def open_channel(
    target: str,
    *,
    services: Iterable[str] = (),
    credentials: Credentials | None = None,
    timeout_s: float = 5.0,
    stream_timeout_s: float = 900.0,
    patience_s: float = 3.0,
) -> grpc.aio.Channel:
    """Return a channel to `target`; enter it to have it closed.

    `services` are the full names of those called through it: their safe methods are repeated when
    the server is unavailable. A call without a timeout gets `timeout_s`, a streaming one
    `stream_timeout_s`, and none gets more than is left to the call that it is made for. A server
    that is just being replaced is waited for, `patience_s` at most, before a call is made at all.
    """
    calls = OutgoingCalls(
        credentials=credentials,
        timeout_s=timeout_s,
        stream_timeout_s=stream_timeout_s,
        patience_s=patience_s,
    )
    channel = grpc.aio.insecure_channel(
        target,
        options=[
            ("grpc.service_config", json.dumps(service_config(services))),
            ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
            ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
            ("grpc.keepalive_permit_without_calls", 0),
            ("grpc.initial_reconnect_backoff_ms", _RECONNECT_MIN_MS),
            ("grpc.min_reconnect_backoff_ms", _RECONNECT_MIN_MS),
            ("grpc.max_reconnect_backoff_ms", _RECONNECT_MAX_MS),
        ],
        interceptors=calls.interceptors(),
    )
    calls.watch(channel)
    return channel


def service_config(services: Iterable[str]) -> dict[str, Any]:
    """Return gRPC's service config for a channel to `services`.

    No `timeout` in it: explicit ones are exact and reach the server, those of a service config
    were seen to do neither.
    """
    config: dict[str, Any] = {
        "loadBalancingConfig": [{"round_robin": {}}],
        # Takes a draining server out of the rotation at once.
        "healthCheckConfig": {"serviceName": ""},
    }
    safe = [
        {"service": method.containing_service.full_name, "method": method.name}
        for method in _methods(services)
        if is_repeatable(method)
    ]
    if safe:
        config["methodConfig"] = [{"name": safe, "retryPolicy": _RETRY_POLICY}]
        config["retryThrottling"] = {"maxTokens": 10, "tokenRatio": 0.1}
    return config


def is_repeatable(method: MethodDescriptor) -> bool:
    """Whether a call that failed as unavailable may be sent again, having perhaps had its effect.

    So it is with reads, with what the contract calls idempotent, and with requests that carry a
    `request_id`, which outgoing calls fill in. Streams are the caller's to resume.
    """
    if method.client_streaming or method.server_streaming:
        return False
    options = method.GetOptions()
    return (
        options.idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN
        or options.Extensions[annotations_pb2.http].WhichOneof("pattern") == "get"
        or "request_id" in method.input_type.fields_by_name
    )


def _methods(services: Iterable[str]) -> Iterator[MethodDescriptor]:
    pool = descriptor_pool.Default()
    for name in services:
        yield from pool.FindServiceByName(name).methods
