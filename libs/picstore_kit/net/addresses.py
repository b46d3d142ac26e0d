"""Which addresses belong to the public internet, and which spellings of them are plain.

The special ranges are those of the IANA IPv4 and IPv6 Special-Purpose Address Registries
(RFC 6890), with what leads from IPv6 to IPv4 besides.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

_SPECIAL_V4: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local; the metadata of every cloud is there
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation, as the next but two
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Everything else that IPv6 has is no global unicast: loopback, mapped and compatible IPv4
# addresses, NAT64 (64:ff9b::/96), unique local, link-local, multicast.
_GLOBAL_V6: Final = ip_network("2000::/3")
_SPECIAL_V6: Final = tuple(
    ip_network(text)
    for text in (
        "2001::/23",  # IETF protocols; Teredo among them
        "2001:db8::/32",  # documentation, as the last
        "2002::/16",  # 6to4
        "3fff::/20",
    )
)
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


def is_public(address: Address) -> bool:
    """Whether the address is one that everybody can reach."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _SPECIAL_V6)


def literal_address(host: str) -> Address | None:
    """Return the address that `host` is, or None where it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_oddly_written(host: str) -> bool:
    """Whether `host` is an IPv4 address as only `inet_aton` reads it.

    That takes `2130706433`, `0x7f.1` and `0177.0.0.1` for loopback. No name ends in a number: the
    URL Standard takes all that do for IPv4 addresses.
    """
    last = host.rstrip(".").rpartition(".")[2]
    return bool(_NUMBER.fullmatch(last)) and literal_address(host) is None
