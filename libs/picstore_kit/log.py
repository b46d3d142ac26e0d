"""Structured logs: one event per line, with the service, the request id and the trace id.

    log = structlog.get_logger(__name__)
    log.info("output.completed", output=output_id, ms=12)

The standard library's loggers end in the same stream and format. Secrets never appear: the last
processor before the renderer removes API keys, tokens, passwords and the queries of presigned URLs.
"""

from __future__ import annotations

import logging
import re
import sys
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

import structlog
from opentelemetry import trace
from structlog.contextvars import bound_contextvars, get_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from picstore_kit.settings import TelemetrySettings

_MASK: Final = "***"

_SECRET_NAME: Final = re.compile(
    r"(?:secret|password|passwd|token|authorization|cookie|credentials?|dsn|api_?key)$",
    re.IGNORECASE,
)
"""Names whose values are masked whatever they look like."""

_SECRET_TEXT: Final[tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...]] = (
    # What is in every text that the pattern matches, without case; the pattern; the replacement.
    # API keys, sessions and invitations: ps_, pss_ or psi_, then <id>_<secret><checksum>.
    (
        ("ps_", "pss_", "psi_"),
        re.compile(r"\b(ps[si]?)_[0-9A-Za-z]{8,}(?:_[0-9A-Za-z]+)?"),
        rf"\1_{_MASK}",
    ),
    # JSON Web Tokens.
    (("eyj",), re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), _MASK),
    (
        ("bearer", "basic"),
        re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE),
        rf"\1 {_MASK}",
    ),
    # Presigned URLs (SigV4, SigV2) and our own signed ones: the query is the permission.
    (
        ("://",),
        re.compile(
            r"(https?://[^\s?\"'<>]+)\?[^\s\"'<>]*"
            r"(?:X-Amz-(?:Signature|Credential|Security-Token)|Signature|AWSAccessKeyId|sig|token)="
            r"[^\s\"'<>]*",
            re.IGNORECASE,
        ),
        rf"\1?{_MASK}",
    ),
    # User and password in a URL, and in the key=value form of a Postgres connection string.
    (("://",), re.compile(r"(?<=://)[^/@\s]+@"), f"{_MASK}@"),
    (
        ("password=", "secret="),
        re.compile(r"\b(password|secret)=(?:'[^']*'|[^\s&]+)", re.IGNORECASE),
        rf"\1={_MASK}",
    ),
)


def configure_logging(service: str, settings: TelemetrySettings) -> None:
    """Send structlog's and the standard library's events to stderr in the format asked for."""

    def add_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
        add_trace_id,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(settings),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    logging.captureWarnings(True)


def new_request_id() -> str:
    """Make an id for a request that came without one."""
    return uuid.uuid4().hex


def current_request_id() -> str | None:
    """Return the id of the request that this code works for, if it works for one."""
    request_id = get_contextvars().get("request_id")
    return request_id if isinstance(request_id, str) else None


def bound_request_id(request_id: str) -> AbstractContextManager[None]:
    """Give every log line, outgoing call and message within the id of the request behind it."""
    return bound_contextvars(request_id=request_id)


def add_trace_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Add the ids under which the tracing backend knows this moment."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = trace.format_trace_id(span.trace_id)
        event["span_id"] = trace.format_span_id(span.span_id)
    return event


def redact_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace everything that would let a reader of the log act as somebody else."""
    return {name: _redacted(name, value) for name, value in event.items()}


def redact_text(text: str) -> str:
    """Return `text` without the secrets that can be told by their form."""
    folded = text.casefold()
    for marks, pattern, replacement in _SECRET_TEXT:
        for mark in marks:  # much faster than the pattern, and every call logs several texts
            if mark in folded:
                text = pattern.sub(replacement, text)
                break
    return text


def _redacted(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if name.startswith("_"):  # structlog's own records, removed before rendering
        return value
    if _SECRET_NAME.search(name):
        return _MASK
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {str(key): _redacted(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(name, item) for item in value]
    # What a renderer would show of anything else is its repr.
    return redact_text(repr(value))


def _renderer(settings: TelemetrySettings) -> Processor:
    if settings.log_format == "json":
        return structlog.processors.JSONRenderer(sort_keys=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
