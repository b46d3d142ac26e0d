"""What a request may be at all, before anything looks at it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from picstore_gateway.problems import problem
from picstore_kit.errors import InvalidField

MAX_HEAD_BYTES: Final = 16 * 1024
"""Largest head of a request: its line and its headers, as they come."""

_REQUEST_LINE: Final = len(" ? HTTP/1.1\r\n")
_HEADER_LINE: Final = len(": \r\n")


class Bounds:
    """Refuses heads that are too large, and paths that could be taken for other ones."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            InvalidField: The path is ambiguous.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _head_bytes(scope) > MAX_HEAD_BYTES:
            error = InvalidField("request", "must have a head of at most 16 KiB")
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            await problem(error, status=status)(scope, receive, send)
            return
        fault = path_fault(scope["raw_path"])
        if fault is not None:
            raise InvalidField("path", fault)
        await self._app(scope, receive, send)


def path_fault(raw_path: bytes) -> str | None:
    """Say what a path must not be like, if it is so.

    The server decodes paths before they are routed: an escaped slash would lead to the route of
    another path, and a proxy before us may read empty parts, dots or bytes that are no UTF-8 (such
    as overlong forms of slashes and dots) otherwise than we do.
    """
    if b"//" in raw_path:
        return "must not have empty parts"
    for part in raw_path.split(b"/"):
        try:
            text = unquote_to_bytes(part).decode()
        except UnicodeDecodeError:
            return "must be UTF-8"
        if text in (".", ".."):
            return "must not have . or .. as a part"
        if "/" in text:
            return "must not have a slash within a part"
        if any(character < " " or character == "\x7f" for character in text):
            return "must not have control characters"
    return None


def _head_bytes(scope: Scope) -> int:
    line = len(scope["method"]) + len(scope["raw_path"]) + len(scope["query_string"])
    headers = sum(len(name) + len(value) + _HEADER_LINE for name, value in scope["headers"])
    return line + _REQUEST_LINE + headers
