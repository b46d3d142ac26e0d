"""Timeouts of outgoing calls, and which of them are repeated."""

from __future__ import annotations

import grpc
import pytest

from picstore.auth.v1 import authentication_pb2  # noqa: F401  # registers the services
from picstore.catalog.v1 import image_pb2  # noqa: F401
from picstore_kit.errors import DeadlineExceeded
from picstore_kit.rpc.channel import service_config
from picstore_kit.rpc.deadline import deadline_in
from picstore_kit.rpc.outgoing import OutgoingCalls


def _details(timeout: float | None = None) -> grpc.aio.ClientCallDetails:
    return grpc.aio.ClientCallDetails("/a.v1.Service/Method", timeout, None, None, None)


@pytest.fixture
def calls() -> OutgoingCalls:
    return OutgoingCalls(credentials=None, timeout_s=5, stream_timeout_s=900)


async def test_every_call_has_a_timeout(calls: OutgoingCalls) -> None:
    assert (await calls.prepare(_details())).timeout == 5
    assert (await calls.prepare(_details(), streaming=True)).timeout == 900
    assert (await calls.prepare(_details(2))).timeout == 2


async def test_timeout_is_clipped_to_what_is_left(calls: OutgoingCalls) -> None:
    with deadline_in(1):
        for timeout in (None, 30):
            clipped = (await calls.prepare(_details(timeout))).timeout
            assert clipped is not None
            assert clipped <= 0.95
        assert (await calls.prepare(_details(0.5))).timeout == 0.5


async def test_nothing_is_sent_when_no_time_is_left(calls: OutgoingCalls) -> None:
    with deadline_in(0.05), pytest.raises(DeadlineExceeded) as caught:
        await calls.prepare(_details())
    assert caught.value.metadata == {"service": "a.v1.Service"}


def _repeated(service: str) -> set[str]:
    (method_config,) = service_config([service])["methodConfig"]
    return {name["method"] for name in method_config["name"]}


def test_reads_and_calls_with_a_request_id_are_repeated() -> None:
    images = _repeated("picstore.catalog.v1.ImageService")
    assert {"GetImage", "ListImages", "CreateImage"} <= images
    assert "UpdateImage" not in images


def test_channel_without_services_repeats_nothing() -> None:
    assert "methodConfig" not in service_config([])
