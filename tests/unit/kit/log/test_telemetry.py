"""The context that travels in headers."""

from __future__ import annotations

import pytest
from opentelemetry import trace

from picstore_kit.log import bound_request_id, current_request_id
from picstore_kit.settings import TelemetrySettings
from picstore_kit.telemetry import continued, inject, telemetry

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_context_goes_from_message_to_message() -> None:
    headers: dict[str, str] = {}
    with continued({"traceparent": PARENT, "x-request-id": "r-1"}) as request_id:
        assert request_id == current_request_id() == "r-1"
        inject(headers)
    assert headers == {"traceparent": PARENT, "x-request-id": "r-1"}
    assert current_request_id() is None
    assert not trace.get_current_span().get_span_context().is_valid


def test_headers_that_are_there_are_kept() -> None:
    headers = {"traceparent": PARENT, "x-request-id": "kept"}
    with bound_request_id("other"):
        inject(headers)
    assert headers == {"traceparent": PARENT, "x-request-id": "kept"}


def test_nothing_is_made_up_where_there_is_no_context() -> None:
    headers: dict[str, str] = {}
    inject(headers)
    assert headers == {}


@pytest.mark.parametrize("claimed", ["", "a b", "x" * 65, "{}", "-x", "a\nb"])
def test_request_id_that_would_not_suit_a_log_is_replaced(claimed: str) -> None:
    with continued({"x-request-id": claimed, "traceparent": "nonsense"}) as request_id:
        assert request_id != claimed
        assert request_id.isalnum()


async def test_telemetry_that_is_off_opens_nothing() -> None:
    async with telemetry("catalog", TelemetrySettings()):
        assert not trace.get_tracer("a").start_span("b").is_recording()
