"""The connection to a gateway: one pool, calls by the contract, and what is repeated of them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from google.protobuf import json_format
from google.protobuf.message import Message
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)
from tenacity.wait import wait_base

from picstore_client.method import ItemT, ListMethod, Method, RequestT, ResponseT
from picstore_client.problems import error_of, foreign, unreachable
from picstore_client.transcoding import http_call
from picstore_kit.errors import PicstoreError, Reason, Unauthenticated, Unavailable

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that no proxy is asked for, whatever the environment says of others."""
CONNECT_TIMEOUT_S: Final = 5.0

_ATTEMPTS: Final = 4
_MAX_RETRY_AFTER_S: Final = 5.0
_PAGE_SIZE: Final = 500
"""The most that one page holds."""
_KEY: Final = re.compile(r"[!-~]+")

MessageT = TypeVar("MessageT", bound=Message)


class Connection:
    """Calls the methods of a gateway; an async context manager.

    Every method raises a `PicstoreError`: the one that Pic Store answered with, or `Unavailable` if
    it does not answer. What does no harm when it is repeated is repeated a few times before that.
    """

    def __init__(self, url: str, api_key: str | None = None, *, timeout_s: float = 30.0) -> None:
        """Prepare to call the gateway at `url`; `timeout_s` is for each wait for it.

        The credential of a session is as good as an API key. Without either, only what is public
        can be called, such as `LOGIN`.

        Raises:
            ValueError: The URL is none of HTTP.
            Unauthenticated: The key holds what no key does.
        """
        parsed = urlsplit(url)
        if parsed.scheme not in ("http", "https") or not parsed.hostname:
            raise ValueError(f"{url} is no URL of a gateway")
        if api_key is not None and not _KEY.fullmatch(api_key):
            raise Unauthenticated(Reason.CREDENTIAL_INVALID, "this can't be an API key")
        self._url = url.rstrip("/")
        self._timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))
        self._http = httpx.AsyncClient(
            base_url=self._url,
            headers={} if api_key is None else {"authorization": f"Bearer {api_key}"},
            timeout=self._timeout,
            trust_env=parsed.hostname not in LOOPBACK,
        )

    @property
    def url(self) -> str:
        """The gateway's, without a slash at its end."""
        return self._url

    @property
    def timeout(self) -> httpx.Timeout:
        """How long each wait for an answer may take."""
        return self._timeout

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._http.__aexit__(kind, error, traceback)

    async def call(self, method: Method[RequestT, ResponseT], request: RequestT) -> ResponseT:
        """Call any method of `picstore_client.methods`.

        Where the request takes a `request_id` and has none, it gets one; so a call that was
        answered, but whose answer was lost, is not done twice when it is repeated.
        """
        if method.takes_request_id and not getattr(request, "request_id", ""):
            request = _with(request, request_id=str(uuid4()))
        call = http_call(method.descriptor, request)
        repeats = call.verb == "GET" or method.repeatable
        return await (self.repeated if repeats else self.send)(
            method.response, call.verb, call.path, params=call.params, json=call.body
        )

    async def pages(
        self,
        method: ListMethod[RequestT, ResponseT, ItemT],
        request: RequestT,
        *,
        limit: int | None = None,
    ) -> AsyncIterator[ItemT]:
        """Yield all that a method lists, at most `limit`, fetching page after page."""
        token = ""
        count = 0
        size = min(limit or _PAGE_SIZE, _PAGE_SIZE)
        while True:
            page = await self.call(method, _with(request, page_size=size, page_token=token))
            for item in method.items(page):
                if count == limit:
                    return
                count += 1
                yield item
            token = getattr(page, "next_page_token", "")
            if not token or count == limit:
                return

    async def repeated(
        self, kind: type[MessageT], verb: str, path: str, **request: Any
    ) -> MessageT:
        """Send a request as `send` does, a few times if Pic Store is not available."""
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=_RetryAfter() + wait_random_exponential(multiplier=0.1, max=2.0),
            reraise=True,
        )
        return await attempts(self.send, kind, verb, path, **request)

    async def send(self, kind: type[MessageT], verb: str, path: str, **request: Any) -> MessageT:
        """Send a request once and return the answer; `request` is as httpx takes it."""
        try:
            response = await self._http.request(verb, path, **request)
        except httpx.TransportError as error:
            raise unreachable(self._url, error) from error
        if not response.is_success:
            raise error_of(response)
        try:
            # 204 says nothing, which is all that some messages have to say.
            content = response.content or b"{}"
            return json_format.Parse(content, kind(), ignore_unknown_fields=True)
        except (json_format.ParseError, UnicodeDecodeError):
            raise foreign(response) from None


class _RetryAfter(wait_base):
    """Waits as long as the server asked for, within reason."""

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome is not None else None
        seconds = error.retry_after if isinstance(error, PicstoreError) else None
        return min(seconds or 0.0, _MAX_RETRY_AFTER_S)


def _with(request: MessageT, **fields: int | str) -> MessageT:
    """Return a copy of a request with some fields set."""
    copy = type(request)()
    copy.CopyFrom(request)
    for name, value in fields.items():
        setattr(copy, name, value)
    return copy
