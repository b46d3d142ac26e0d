"""What is around every request: ids, trace, origin, access log, headers, errors."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from picstore_gateway.problems import problem
from picstore_kit.errors import Internal, PicstoreError
from picstore_kit.rpc.origin import (
    FORWARDED_FOR,
    USER_AGENT,
    Network,
    Origin,
    coming_from,
    origin_of,
)
from picstore_kit.telemetry import REQUEST_ID_HEADER, continued

log = structlog.get_logger(__name__)

HEALTH_PATH: Final = "/healthz"

_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


class Surroundings:
    """Outermost: gives the request its id, origin and log line, and its answer the headers."""

    def __init__(self, app: ASGIApp, trusted_proxies: Sequence[Network]) -> None:
        self._app = app
        self._trusted_proxies = tuple(trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status = 0
        headers = Headers(scope=scope)
        origin = _origin(scope, headers, self._trusted_proxies)
        with continued(dict(headers)) as request_id, coming_from(origin):

            async def send_with_headers(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    _complete(MutableHeaders(scope=message), request_id)
                await send(message)

            try:
                await self._app(scope, receive, send_with_headers)
            finally:
                # Probes come every few seconds and say nothing that their absence does not.
                level = logging.DEBUG if scope["path"] == HEALTH_PATH else logging.INFO
                log.log(
                    level,
                    "http.request",
                    verb=scope["method"],
                    path=scope["path"],
                    status=status,
                    ms=round(1000 * (time.monotonic() - started), 1),
                )


class Problems:
    """Answers every error with a problem document, and an unknown one with an incident id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except PicstoreError as error:
            await problem(error)(scope, receive, send)
        except Exception:
            incident = uuid.uuid4().hex
            log.exception("http.incident", incident=incident)
            if begun:
                raise
            await problem(Internal.incident(incident))(scope, receive, send)


def _origin(scope: Scope, headers: Headers, trusted: Sequence[Network]) -> Origin:
    """Return where the request comes from, to be told to the services.

    Of the forwarding headers only this one is passed on: services are told who calls, and no more.
    """
    return origin_of(
        method=f"{scope['method']} {scope['path']}",
        peer=_peer(scope["client"]),
        metadata=[item for item in headers.items() if item[0] in (FORWARDED_FOR, USER_AGENT)],
        trusted=trusted,
    )


def _peer(client: tuple[str, int] | None) -> str:
    """Write who connected as gRPC does; nobody if the connection is gone already."""
    if client is None:
        return ""
    host, port = client
    return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"


def _complete(headers: MutableHeaders, request_id: str) -> None:
    headers.setdefault("content-security-policy", _POLICY)
    headers.setdefault("cache-control", "no-store")
    headers[REQUEST_ID_HEADER] = request_id
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
