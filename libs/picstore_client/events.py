"""Server-sent events, as the WHATWG's standard writes them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from typing import Final

from picstore_kit.errors import Reason, Unavailable

ERROR: Final = "error"
"""The event by which Pic Store tells of an error, as a problem document."""

_MAX_BYTES: Final = 4 * 1024 * 1024
"""Of one event; a picture with all of its outputs is far below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One event."""

    name: str = ""
    data: bytes = b""
    retry_s: float | None = None
    """Seconds after which to ask for another stream, if this one breaks."""


async def events_in(chunks: AsyncIterable[bytes]) -> AsyncGenerator[ServerEvent, None]:
    """Yield the events that are in a body; one that is not whole at its end is none.

    Raises:
        Unavailable: An event is larger than any that Pic Store sends.
    """
    rest = b""
    size = 0
    lines: list[bytes] = []
    async for chunk in chunks:
        # Only by line feeds: texts have other characters that Python takes for ends of lines.
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            size += len(line)
            if line.rstrip(b"\r"):
                lines.append(line.rstrip(b"\r"))
            else:
                yield _event(lines)
                lines, size = [], 0
        if size + len(rest) > _MAX_BYTES:
            raise Unavailable(
                Reason.DEPENDENCY_UNAVAILABLE, "an event is too large to be Pic Store's"
            )


def _event(lines: list[bytes]) -> ServerEvent:
    name = ""
    data: list[bytes] = []
    retry_s: float | None = None
    for line in lines:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match field:
            case b"event":
                name = value.decode(errors="replace")
            case b"data":
                data.append(value)
            case b"retry" if value.isdigit():
                retry_s = int(value) / 1000
            case _:
                pass  # a comment, or a field that we have no use for
    return ServerEvent(name=name, data=b"\n".join(data), retry_s=retry_s)
