"""What scripts of other origins may do: use the API by a key of their own, never by the cookie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_PATHS: Final = ("/api/", "/files/", "/openapi.json")
_VERBS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_REQUEST_HEADERS: Final = (
    "Authorization",
    "Content-Digest",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "Tus-Resumable",
    "Upload-Checksum",
    "Upload-Concat",
    "Upload-Defer-Length",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
    "X-HTTP-Method-Override",
    "X-Request-ID",
)
_ANSWER_HEADERS: Final = (
    "ETag",
    "Location",
    "Picstore-Has-Gps",
    "Picstore-Image",
    "Retry-After",
    "Tus-Checksum-Algorithm",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Resumable",
    "Tus-Version",
    "Upload-Concat",
    "Upload-Defer-Length",
    "Upload-Expires",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
    "X-Request-ID",
)


class CrossOrigin:
    """Tells browsers which origins may read the answers of the API, and answers their preflights.

    A preflight carries no credential and needs none. Credentials that a browser sends by itself are
    not allowed at all: that is what lets `*` be one of the origins.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        """`origins` are as browsers send them, or `*` for all; without any, nothing is said."""
        self._app = app
        self._told = CORSMiddleware(
            app,
            allow_origins=tuple(origins),
            allow_methods=_VERBS,
            allow_headers=_REQUEST_HEADERS,
            expose_headers=_ANSWER_HEADERS,
            allow_credentials=False,
        )
        self._paths = _PATHS if origins else ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith(self._paths):
            await self._told(scope, receive, send)
        else:
            await self._app(scope, receive, send)
