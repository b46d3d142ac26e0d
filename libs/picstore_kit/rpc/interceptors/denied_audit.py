"""Notes for the audit log what callers were not allowed to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from picstore_kit.errors import Code, PicstoreError
from picstore_kit.rpc.auth import Principal
from picstore_kit.rpc.call import Call


class DenialSink(Protocol):
    """Takes denials; `picstore_kit.denials` has the one that records them."""

    def note(self, principal: Principal, error: PicstoreError) -> None:
        """Return at once; the method and the origin are those of the current call."""


class DeniedAudit:
    """Notes PERMISSION_DENIED, by which a known caller asked for too much.

    UNAUTHENTICATED is not noted: nobody knows who it was, and anybody can make as many of them as
    they like. The access log has them.
    """

    def __init__(self, sink: DenialSink) -> None:
        self._sink = sink

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Look at how the call ended, after the caller was told."""
        try:
            yield
        finally:
            error, principal = call.error, call.principal
            if error is not None and error.code is Code.PERMISSION_DENIED and principal is not None:
                self._sink.note(principal, error)
