"""Where the call that is being served comes from, for the audit log and for rate limits.

Whoever connects is the client, unless it is one of our own that calls for somebody else: the
gateway, or another service. Those say for whom in the metadata `x-forwarded-for` and
`x-forwarded-user-agent`, which anybody can send and only trusted peers are believed.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import Final, TypeAlias

FORWARDED_FOR: Final = "x-forwarded-for"
"""The addresses that a call came through, the first caller's first, separated by commas."""
FORWARDED_USER_AGENT: Final = "x-forwarded-user-agent"
"""The `User-Agent` of the first caller."""
USER_AGENT: Final = "user-agent"

MAX_USER_AGENT: Final = 300
"""Characters that are kept of a user agent."""

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address


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


def origin_of(
    *,
    method: str,
    peer: str,
    metadata: Sequence[tuple[str, str | bytes]],
    trusted: Sequence[Network],
) -> Origin:
    """Work out where a call comes from.

    `peer` is who connected, as gRPC writes it: `ipv4:10.0.0.7:4711`, `ipv6:[::1]:4711` or
    `unix:…`. Only who is on this machine reaches a unix socket, so such peers are trusted, and so
    are those in the networks `trusted`. Of the forwarded addresses the right-most that is not
    itself trusted is the client: what stands to the left of it is only what that client says.
    """
    address = _peer_address(peer)
    if not (peer.startswith("unix:") or _is_trusted(address, trusted)):
        return Origin(
            method=method,
            client_address=_written(address),
            user_agent=_last_text(metadata, USER_AGENT),
        )
    for entry in reversed(_forwarded(metadata)):
        forwarded = _entry_address(entry)
        if forwarded is None:  # nothing that a proxy of ours wrote
            break
        address = forwarded
        if not _is_trusted(address, trusted):
            break
    return Origin(
        method=method,
        client_address=_written(address),
        user_agent=_last_text(metadata, FORWARDED_USER_AGENT) or _last_text(metadata, USER_AGENT),
    )


def forwarding() -> list[tuple[str, str]]:
    """Return the metadata by which the next service learns where the current call comes from."""
    origin = current_origin()
    return [
        (name, value)
        for name, value in (
            (FORWARDED_FOR, origin.client_address),
            (FORWARDED_USER_AGENT, _sendable(origin.user_agent)),
        )
        if value
    ]


def _forwarded(metadata: Sequence[tuple[str, str | bytes]]) -> list[str]:
    """Return the entries of all such headers, in the order in which they were added."""
    return [
        entry.strip()
        for key, value in metadata
        if key == FORWARDED_FOR and isinstance(value, str)
        for entry in value.split(",")
    ]


@lru_cache(maxsize=1024)  # whoever connects makes many calls
def _peer_address(peer: str) -> Address | None:
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return None
    return _entry_address(urllib.parse.unquote(rest))


def _entry_address(text: str) -> Address | None:
    """Read `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        # The zone after the per cent sign means something on the sender's machine only.
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_trusted(address: Address | None, trusted: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in trusted)


def _written(address: Address | None) -> str:
    return "" if address is None else str(address)


def _last_text(metadata: Sequence[tuple[str, str | bytes]], key: str) -> str:
    texts = [value for name, value in metadata if name == key and isinstance(value, str)]
    return texts[-1][:MAX_USER_AGENT] if texts else ""


def _sendable(text: str) -> str:
    """Return `text` without what gRPC refuses to send as metadata."""
    return "".join(character for character in text if " " <= character <= "~").strip()
