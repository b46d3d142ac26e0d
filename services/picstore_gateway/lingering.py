"""Lets a client that still sends read its refusal, instead of a reset of its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# As long as nginx does (lingering_time and lingering_timeout).
_LINGER_S: Final = 30.0
_SILENCE_S: Final = 5.0


class Lingering:
    """Reads on, after an answer that came before the end of the request, and forgets it.

    To close a connection with unread bytes in it makes the kernel reset it, and the client then
    loses the answer, too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not _has_body(headers := Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        # A client that waits to be asked for the body will not send it after an answer.
        asked = "expect" not in headers
        unread = True

        async def receive_and_note() -> Message:
            nonlocal asked, unread
            asked = True
            message = await receive()
            unread = message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def send_and_linger(message: Message) -> None:
            last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if last and asked and unread:
                await send({**message, "more_body": True})
                await _forget(receive)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self._app(scope, receive_and_note, send_and_linger)


def _has_body(headers: Mapping[str, str]) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def _forget(receive: Receive) -> None:
    try:
        async with asyncio.timeout(_LINGER_S):
            while True:
                async with asyncio.timeout(_SILENCE_S):
                    message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
