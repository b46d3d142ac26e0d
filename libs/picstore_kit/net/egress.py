"""Which hosts a team may make us connect to.

A storage location's endpoint is somebody's input: without a check, whoever may make locations reads
the cloud's metadata service or scans the cluster through us. So what a team names must be public:
https, a usual port, a host all of whose addresses are public ones. The operator opens more
(`PICSTORE_EGRESS__…`). A host is resolved once per connection, and the connection goes to the very
address that was checked (`picstore_kit.net.guarded`): a name that changes its mind gains nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, Self, TypeAlias
from urllib.parse import urlsplit

from picstore_kit.errors import FailedPrecondition, Reason
from picstore_kit.net.addresses import Address, is_oddly_written, is_public, literal_address
from picstore_kit.settings import EgressSettings

Resolver: TypeAlias = Callable[[str, int], Iterable[str]]
"""Returns the addresses of a host as text, or raises OSError."""

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class EndpointForbidden(FailedPrecondition):
    """A team may not make us connect there."""

    def __init__(self, host: str) -> None:
        super().__init__(
            Reason.STORAGE_ENDPOINT_FORBIDDEN,
            f"{host} is not a host that everybody can reach; the operator would have to allow it",
            metadata={"host": host},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """Something that the operator allows beyond what is public."""

    host: str | None
    network: IPv4Network | IPv6Network | None
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `host`, an address or a CIDR, with or without `:port`; IPv6 with a port in `[]`."""
        place, port = _without_port(text)
        try:
            return cls(host=None, network=ip_network(place), port=port)
        except ValueError:
            return cls(host=_normalised(place), network=None, port=port)

    def has_host(self, host: str, port: int) -> bool:
        return self.host == host and self.port in (None, port)

    def may_have_names(self, port: int) -> bool:
        return self.network is not None and self.port in (None, port)

    def has_address(self, address: Address, port: int) -> bool:
        return self.network is not None and address in self.network and self.port in (None, port)


def system_resolver(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a host. Blocks."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class EgressPolicy:
    """What a team may make us connect to, as the operator has set it."""

    def __init__(self, settings: EgressSettings, *, resolver: Resolver = system_resolver) -> None:
        self._openings = tuple(_Opening.parse(text) for text in settings.allowed)
        self._ports = frozenset(settings.ports)
        self._allow_http = settings.allow_http
        self._resolver = resolver

    def fault(self, url: str) -> str | None:
        """Say what is wrong with an http(s) URL as it is written, without resolving its host."""
        parts = urlsplit(url)
        host = _normalised(parts.hostname or "")
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        return self._fault(parts.scheme, host, port)

    def addresses(self, scheme: str, host: str, port: int) -> Sequence[str]:
        """Resolve a host and return its addresses, which may be connected to. Blocks.

        Raises:
            EndpointForbidden: A team may not reach it, or not all of its addresses.
            OSError: The name does not resolve.
        """
        name = _normalised(host)
        if self._fault(scheme, name, port) is not None:
            raise EndpointForbidden(name)
        found = list(dict.fromkeys(self._resolver(name, port)))
        if any(opening.has_host(name, port) for opening in self._openings):
            return found
        for text in found:
            address = ip_address(text)
            opened = self._is_open(address, port)
            if not opened and not self._is_usual(scheme, address, port):
                raise EndpointForbidden(name)
        return found

    def _fault(self, scheme: str, host: str, port: int) -> str | None:
        if any(opening.has_host(host, port) for opening in self._openings):
            return None
        address = literal_address(host)
        if address is not None and self._is_open(address, port):
            return None
        if is_oddly_written(host) or (address is None and _is_local_name(host)):
            return "must be a host that everybody can reach"
        if address is not None and not is_public(address):
            return "must be a host that everybody can reach"
        if address is None and any(opening.may_have_names(port) for opening in self._openings):
            return None  # what it resolves to decides
        return self._usage_fault(scheme, port)

    def _is_open(self, address: Address, port: int) -> bool:
        return any(opening.has_address(address, port) for opening in self._openings)

    def _is_usual(self, scheme: str, address: Address, port: int) -> bool:
        return is_public(address) and self._usage_fault(scheme, port) is None

    def _usage_fault(self, scheme: str, port: int) -> str | None:
        if scheme != "https" and not self._allow_http:
            return "must be https"
        if port not in self._ports:
            ports = ", ".join(str(number) for number in sorted(self._ports))
            return f"must be on one of the ports {ports}"
        return None


def _normalised(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _is_local_name(host: str) -> bool:
    return not host or host == "localhost" or host.endswith(".localhost")


def _without_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        place, _, rest = text[1:].partition("]")
        return place, int(rest.removeprefix(":")) if rest else None
    if text.count(":") == 1:
        place, _, port = text.partition(":")
        return place, int(port)
    return text, None
