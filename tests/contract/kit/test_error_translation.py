"""What a caller is told when a handler fails, and what never reaches it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import structlog
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from picstore_kit.errors import (
    Aborted,
    Internal,
    InvalidArgument,
    InvalidField,
    NotFound,
    PicstoreError,
    Reason,
    Unavailable,
    Unimplemented,
)

if TYPE_CHECKING:
    from tests.contract.kit.conftest import EchoClient, Wire

SECRET = "postgres at 10.1.2.3 said: password authentication failed"


class DriverError(Exception):
    pass


async def fail(_request: Any, _context: Any) -> Any:
    raise DriverError(SECRET)


async def fail_down(request: Any, _context: Any) -> AsyncIterator[Any]:
    yield request
    raise DriverError(SECRET)


async def _call(client: EchoClient, method: str) -> None:
    if method == "Unary":
        await client.unary()
    elif method == "Up":
        await client.up(client.messages("a"))
    elif method == "Down":
        assert [response.text async for response in client.down("a")] == ["a"]
    else:
        assert [response.text async for response in client.both(client.messages("a"))] == ["a"]


def _everything_in(error: grpc.aio.AioRpcError) -> str:
    return f"{error.details()} {error.trailing_metadata()} {error.initial_metadata()}"


@pytest.mark.parametrize("method", ["Unary", "Up", "Down", "Both"])
async def test_text_of_an_unexpected_exception_never_reaches_the_client(
    wire: Wire, plain_client: EchoClient, method: str
) -> None:
    async def fail_both(requests: Any, context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            async for response in fail_down(request, context):
                yield response

    wire.servicer.on("Unary", fail)
    wire.servicer.on("Up", fail)
    wire.servicer.on("Down", fail_down)
    wire.servicer.on("Both", fail_both)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _call(plain_client, method)

    assert caught.value.code() is grpc.StatusCode.INTERNAL
    for leaked in ("DriverError", "postgres", "10.1.2.3", "password", "Traceback"):
        assert leaked not in _everything_in(caught.value)


async def test_the_log_has_the_whole_story_under_the_incident_id(
    wire: Wire, client: EchoClient
) -> None:
    wire.servicer.on("Unary", fail)

    with structlog.testing.capture_logs() as logs, pytest.raises(Internal) as caught:
        await client.unary()

    (entry,) = [entry for entry in logs if entry["event"] == "rpc.failed"]
    assert entry["incident"] == caught.value.metadata["incident_id"]
    assert isinstance(entry["exc_info"], DriverError)


async def test_request_that_is_no_message_is_the_callers_fault(plain_client: EchoClient) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await plain_client.raw("Unary", b"\xff\xff not protobuf")

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "DecodeError" not in _everything_in(caught.value)


async def test_response_that_cannot_be_encoded_leaks_nothing(
    wire: Wire, plain_client: EchoClient
) -> None:
    async def answer_nonsense(_request: Any, _context: Any) -> Any:
        return {"password": SECRET}

    wire.servicer.on("Unary", answer_nonsense)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await plain_client.unary()

    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "password" not in _everything_in(caught.value)


async def test_unknown_method_has_a_reason_too(client: EchoClient) -> None:
    with pytest.raises(Unimplemented) as caught:
        await client.unary(method="Nonsense")
    assert caught.value.reason is Reason.METHOD_UNKNOWN
    assert caught.value.message == "there is no such method"


@pytest.mark.parametrize(
    "raised",
    [
        NotFound.of("Image", "img_1"),
        InvalidField("profile.sizes[2].width", "must be positive"),
        Aborted(Reason.ETAG_MISMATCH, "somebody was faster", metadata={"etag": "2"}),
        Unavailable(Reason.STORAGE_UNAVAILABLE, "the store does not answer", retry_after=2.5),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_error_survives_a_hop(wire: Wire, client: EchoClient, raised: PicstoreError) -> None:
    async def fail_expectedly(_request: Any, _context: Any) -> Any:
        raise raised

    wire.servicer.on("Unary", fail_expectedly)
    wire.servicer.on("Up", fail_expectedly)

    for call in (client.unary(), client.up(client.messages("a"))):
        with pytest.raises(type(raised)) as caught:
            await call
        assert caught.value.reason is raised.reason
        assert caught.value.message == raised.message
        assert caught.value.metadata == raised.metadata
        assert caught.value.violations == raised.violations
        assert caught.value.resource == raised.resource
        assert caught.value.retry_after == raised.retry_after


async def test_error_from_a_task_group_is_the_error_itself(wire: Wire, client: EchoClient) -> None:
    async def fail_in_group(_request: Any, _context: Any) -> Any:
        raise ExceptionGroup("unhandled errors in a TaskGroup", [NotFound.of("Image", "img_1")])

    wire.servicer.on("Unary", fail_in_group)

    with pytest.raises(NotFound):
        await client.unary()


async def test_unexpected_error_in_a_group_is_an_incident(wire: Wire, client: EchoClient) -> None:
    async def fail_in_group(_request: Any, _context: Any) -> Any:
        raise ExceptionGroup("both", [NotFound.of("Image", "img_1"), DriverError(SECRET)])

    wire.servicer.on("Unary", fail_in_group)

    with pytest.raises(Internal):
        await client.unary()


async def test_incident_of_another_service_keeps_its_id(wire: Wire, client: EchoClient) -> None:
    async def fail_downstream(_request: Any, _context: Any) -> Any:
        raise Internal.incident("abc123")

    wire.servicer.on("Unary", fail_downstream)

    with pytest.raises(Internal) as caught:
        await client.unary()
    assert caught.value.metadata == {"incident_id": "abc123"}


async def test_every_status_carries_one_error_info_and_the_request_id(
    wire: Wire, plain_client: EchoClient
) -> None:
    async def fail_expectedly(_request: Any, _context: Any) -> Any:
        raise InvalidArgument(Reason.UPLOAD_EMPTY, "the upload is empty")

    wire.servicer.on("Unary", fail_expectedly)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await plain_client.unary(metadata=(("x-request-id", "r-1"),))

    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]  # it works on errors
    assert status is not None
    info = ErrorInfo()
    assert [detail.Unpack(info) for detail in status.details] == [True]
    assert (info.reason, info.domain) == ("UPLOAD_EMPTY", "picstore")
    assert ("x-request-id", "r-1") in tuple(caught.value.trailing_metadata())
