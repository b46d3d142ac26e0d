"""Where the call that is being served comes from, for the audit log and for rate limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is known of a call apart from whose it is."""

    method: str = ""
    """Such as `picstore.catalog.v1.ProjectService/UpdateProject`."""
    client_address: str = ""
    """The network address of whoever called first, without a port; empty if it is not known."""
    user_agent: str = ""


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


def current_origin() -> Origin:
    """Return where the call comes from; nothing is known of it outside a call."""
    return _origin.get() or Origin()


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """Make `origin` the current one within the block, as the server does around a call."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)
