"""One incoming call, as the interceptors around its handler see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from picstore_kit.errors import PicstoreError
from picstore_kit.rpc.auth import Principal

Context = grpc.aio.ServicerContext[Any, Any]
RequestCheck = Callable[[Message], None]


@dataclass(slots=True, kw_only=True)
class Call:
    """What is known of a call so far; inner interceptors tell outer ones through it."""

    method: str
    """`/package.Service/Method`, as the caller wrote it."""
    known: bool
    """Whether there is such a method."""
    streaming: bool
    """Whether requests or responses are a stream."""
    request_streaming: bool
    """Whether the caller sends a stream."""
    metadata: dict[str, str | bytes]
    """What the caller sent along; of a repeated key the last value."""
    context: Context
    request_checks: list[RequestCheck] = field(default_factory=list)
    """Applied to every request message before the handler sees it."""
    principal: Principal | None = None
    """Who calls, once that is known."""
    error: PicstoreError | None = None
    """What the caller was told, if the call failed."""

    @property
    def service(self) -> str:
        """`package.Service`."""
        return self.method.rpartition("/")[0].lstrip("/")

    @property
    def label(self) -> str:
        """The method for traces and metrics; one for all that do not exist.

        Otherwise anybody could make up as many time series as they like.
        """
        return self.method.lstrip("/") if self.known else "_OTHER"

    @property
    def infrastructure(self) -> bool:
        """Whether this is a health check or reflection, and not Pic Store's own business."""
        return self.service.startswith("grpc.")

    @property
    def listening(self) -> bool:
        """Whether the caller sends one request and then listens to a stream."""
        return self.streaming and not self.request_streaming

    def text(self, key: str) -> str | None:
        """Return the text that the caller sent as `key`."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def outcome(self, error: BaseException | None) -> grpc.StatusCode:
        """Return the code that the caller gets, when the handler has ended with `error`."""
        if isinstance(error, asyncio.CancelledError):
            late = self.time_remaining() == 0
            return grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED
        code = self._code()
        if code is None:
            return grpc.StatusCode.OK if error is None else grpc.StatusCode.UNKNOWN
        return code

    def time_remaining(self) -> float | None:
        """Return the seconds until the caller's deadline; None if it set none."""
        return self.context.time_remaining()

    def _code(self) -> grpc.StatusCode | None:
        """Return the code that somebody has set; the stubs do not know that it may be None."""
        return self.context.code()


class Interceptor(Protocol):
    """Something that is done around every call, whichever kind of handler serves it."""

    def around(self, call: Call) -> AbstractAsyncContextManager[None]:
        """Enter before the handler runs, exit after it; the handler's error passes through."""
