"""What log lines say, and what they never say."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import structlog
from opentelemetry import context, trace

from picstore_kit.log import (
    bound_request_id,
    configure_logging,
    current_request_id,
    redact_text,
)
from picstore_kit.settings import TelemetrySettings

KEY = "ps_01jk8m3v9q2w4x6y8z0a1b2c3d_" + "aB3" * 12 + "xy"
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjYXRhbG9nIn0.c2lnbmF0dXJl"
PRESIGNED = (
    "https://s3.example.com/bucket/a/photo.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=AKIA%2F2026&X-Amz-Expires=900&X-Amz-Signature=deadbeef"
)


class Output:
    """What was logged."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def text(self) -> str:
        return self._capsys.readouterr().err

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Iterator[Output]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield Output(capsys)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def _configure(log_format: Literal["json", "console"] = "json", **options: Any) -> None:
    configure_logging("catalog", TelemetrySettings(log_format=log_format, **options))


def test_event_has_its_values_service_and_time(output: Output) -> None:
    _configure()
    structlog.get_logger("picstore_test").info("output.completed", output="out_1", ms=12)
    (entry,) = output.entries()
    assert entry["event"] == "output.completed"
    assert (entry["output"], entry["ms"]) == ("out_1", 12)
    assert (entry["service"], entry["level"], entry["logger"]) == (
        "catalog",
        "info",
        "picstore_test",
    )
    assert entry["timestamp"].endswith("Z")


def test_standard_library_ends_in_the_same_stream(output: Output) -> None:
    _configure()
    logging.getLogger("some.library").warning("retrying %s in %d s", PRESIGNED, 3)
    (entry,) = output.entries()
    assert entry["event"] == "retrying https://s3.example.com/bucket/a/photo.jpg?*** in 3 s"
    assert (entry["service"], entry["level"]) == ("catalog", "warning")


def test_level_is_respected(output: Output) -> None:
    _configure(log_level="warning")
    structlog.get_logger("a").info("a.quiet")
    logging.getLogger("b").info("quiet")
    structlog.get_logger("a").warning("a.loud")
    assert [entry["event"] for entry in output.entries()] == ["a.loud"]


def test_request_and_trace_are_on_every_line(output: Output) -> None:
    _configure()
    span_context = trace.SpanContext(0xABC, 0xDEF, is_remote=True)
    parent = trace.set_span_in_context(trace.NonRecordingSpan(span_context), context.Context())
    token = context.attach(parent)
    try:
        with bound_request_id("r-1"):
            assert current_request_id() == "r-1"
            structlog.get_logger("a").info("a.b")
            logging.getLogger("c").warning("d")
    finally:
        context.detach(token)
    for entry in output.entries():
        assert entry["request_id"] == "r-1"
        assert entry["trace_id"] == f"{0xABC:032x}"
    assert current_request_id() is None


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_never_appear(output: Output, log_format: Literal["json", "console"]) -> None:
    _configure(log_format)
    log = structlog.get_logger("a")
    log.info(f"said {KEY}")  # an event that should have been a constant
    log.info("a.b", header=f"Bearer {JWT}", url=PRESIGNED, nested={"deep": [KEY, {"x": JWT}]})
    log.info("a.c", password="hunter2", access_token="hunter2", dsn="hunter2", cookie="hunter2")
    log.info("a.d", settings={"api_key": "hunter2", "client_secret": "hunter2"})
    log.info("a.e", text="host=db user=u password=hunter2 dbname=p", url="nats://u:hunter2@bus")
    log.info("a.f", thing=ValueError(KEY), raw=KEY.encode())
    try:
        raise RuntimeError(f"refused {KEY} for postgresql://u:hunter2@db/p")
    except RuntimeError:
        log.exception("a.g")
        logging.getLogger("library").exception("failed with %s", JWT)
    text = output.text()
    assert text.count("a.g") == 1
    for secret in ("hunter2", KEY, KEY[-20:], JWT, "deadbeef", "AKIA", "eyJ"):
        assert secret not in text


@pytest.mark.parametrize(
    "text",
    [
        "there is no Image img_01jk8m3v9q2w4x6y8z0a1b2c3d",
        "https://cdn.example.com/a/photo-640x480-0a1b2c3d4e.webp?w=640",
        "GET /api/v1/images?page_size=50",
        "ps_ is how keys begin",
        "basic auth is off",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize("kind", ["ps", "pss", "psi"])
def test_every_kind_of_credential_is_told_by_its_form(kind: str) -> None:
    secret = KEY.replace("ps_", f"{kind}_", 1)
    assert redact_text(f"GET /invitation#{secret} by {secret}") == (
        f"GET /invitation#{kind}_*** by {kind}_***"
    )


def test_presigned_url_keeps_what_helps_to_find_the_object() -> None:
    assert redact_text(f"put {PRESIGNED} failed") == (
        "put https://s3.example.com/bucket/a/photo.jpg?*** failed"
    )
