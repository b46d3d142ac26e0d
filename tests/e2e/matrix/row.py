"""How to call one RPC, and the table of all of them.

A row makes what its request needs anew each time, so that a call which deletes something can be
made more than once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from google.protobuf.message import Message

from picstore_kit.errors import Code
from tests.e2e.matrix.callers import Bound
from tests.e2e.matrix.world import (
    Team,
    World,
)

Build: TypeAlias = Callable[[World, Team], Awaitable[Message | Sequence[Message]]]

AUTH = "picstore.auth.v1."
CATALOG = "picstore.catalog.v1."


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How to call one RPC."""

    build: Build
    """Returns the request (all messages of a stream) about fresh objects of a team."""
    bound: Bound = Bound.NOTHING
    """What the object that the request names belongs to."""
    ends: tuple[Code | None, ...] = (None,)
    """How a call ends that is allowed: None for well. Others are for what the matrix cannot set up,
    such as a job to claim; they come after the check of permission."""
    refers: bool = False
    """Whether a method without an object names something of the team all the same: then it is
    NOT_FOUND for another team."""


ROWS: dict[str, Row] = {}


def row(
    method: str,
    bound: Bound = Bound.NOTHING,
    *,
    ends: tuple[Code | None, ...] = (None,),
    refers: bool = False,
) -> Callable[[Build], Build]:
    """Register the builder of a method's request."""

    def register(build: Build) -> Build:
        ROWS[method] = Row(build=build, bound=bound, ends=ends, refers=refers)
        return build

    return register


def requests_of(built: Message | Sequence[Message]) -> list[Message]:
    """Return the messages to send, one for all but streams."""
    return [built] if isinstance(built, Message) else list(built)
