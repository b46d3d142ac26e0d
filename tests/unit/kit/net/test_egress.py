"""Which hosts a team may make us connect to."""

from __future__ import annotations

import socket
from collections.abc import Iterable

import pytest
from pydantic import ValidationError

from picstore_kit.net.egress import EgressPolicy, EndpointForbidden
from picstore_kit.settings import EgressSettings

PUBLIC = "93.184.215.14"

FORBIDDEN = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
REACHABLE = [PUBLIC, "8.8.8.8", "100.63.255.255", "172.32.0.1", "2606:2800:21f:cb07::1"]
ODD = [
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "017700000001",
    "0x7F.0x0.0x0.0x1",
    "127.0.0.1.",
    "00127.0.0.1",
    "1.2.3.4.5",
]


def policy(*allowed: str, resolves_to: Iterable[str] = (PUBLIC,), **more: object) -> EgressPolicy:
    settings = EgressSettings(allowed=allowed, **more)  # type: ignore[arg-type]  # names are checked at run time
    return EgressPolicy(settings, resolver=lambda host, port: resolves_to)


def url_of(host: str) -> str:
    return f"https://[{host}]" if ":" in host else f"https://{host}"


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_not_everybody_reaches_is_forbidden(address: str) -> None:
    assert policy().fault(url_of(address)) is not None
    with pytest.raises(EndpointForbidden):
        policy().addresses("https", address, 443)
    with pytest.raises(EndpointForbidden):
        policy(resolves_to=[address]).addresses("https", "s3.example.com", 443)


@pytest.mark.parametrize("address", REACHABLE)
def test_a_public_address_is_reached(address: str) -> None:
    reached = policy(resolves_to=[address])

    assert reached.fault(url_of(address)) is None
    assert reached.addresses("https", "s3.example.com", 443) == [address]


@pytest.mark.parametrize("host", ODD)
def test_a_number_that_only_the_resolver_takes_for_an_address_is_forbidden(host: str) -> None:
    assert policy().fault(f"https://{host}") is not None
    with pytest.raises(EndpointForbidden):
        policy().addresses("https", host, 443)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "s3.localhost"])
def test_names_of_this_machine_are_forbidden(host: str) -> None:
    assert policy().fault(f"https://{host}") is not None


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(EndpointForbidden) as refused:
        policy(resolves_to=[PUBLIC, "10.0.0.1"]).addresses("https", "s3.example.com", 443)

    assert refused.value.metadata == {"host": "s3.example.com"}


def test_http_is_refused_unless_the_operator_allows_it() -> None:
    assert policy().fault("http://s3.example.com") == "must be https"
    with pytest.raises(EndpointForbidden):
        policy().addresses("http", "s3.example.com", 80)
    assert policy(allow_http=True).fault("http://s3.example.com") is None


def test_ports_that_are_not_listed_are_refused() -> None:
    assert "443" in str(policy().fault("https://s3.example.com:6379"))
    assert policy(ports=(443, 6379)).fault("https://s3.example.com:6379") is None


def test_a_host_that_is_allowed_may_be_anywhere() -> None:
    opened = policy("minio.lan:9000", resolves_to=["10.0.0.7"])

    assert opened.fault("http://minio.lan:9000") is None
    assert opened.addresses("http", "MINIO.lan.", 9000) == ["10.0.0.7"]
    with pytest.raises(EndpointForbidden):
        opened.addresses("http", "minio.lan", 5432)
    with pytest.raises(EndpointForbidden):
        opened.addresses("https", "other.lan", 443)


def test_a_network_that_is_allowed_is_reached_by_address_and_by_name() -> None:
    opened = policy("10.1.0.0/16", "fd00:1::/32", resolves_to=["10.1.2.3"])

    assert opened.fault("http://10.1.2.3:9000") is None
    assert opened.fault("http://[fd00:1::5]:9000") is None
    assert opened.addresses("http", "minio.lan", 9000) == ["10.1.2.3"]
    with pytest.raises(EndpointForbidden):
        opened.addresses("http", "10.2.0.1", 9000)


def test_an_allowed_network_opens_nothing_for_names_outside_of_it() -> None:
    with pytest.raises(EndpointForbidden):
        policy("10.1.0.0/16", resolves_to=[PUBLIC]).addresses("http", "s3.example.com", 80)


def test_an_allowed_port_of_an_address_opens_no_other() -> None:
    opened = policy("127.0.0.1:8333")

    assert opened.fault("http://127.0.0.1:8333") is None
    assert opened.fault("http://127.0.0.1:5432") is not None
    assert opened.fault("http://127.0.0.2:8333") is not None


def test_a_name_that_does_not_resolve_is_no_matter_of_policy() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(OSError, match="unknown"):
        EgressPolicy(EgressSettings(), resolver=unknown).addresses("https", "nowhere.test", 443)


@pytest.mark.parametrize("entry", ["", "a b", "http://x", "host:99999999", "*"])
def test_an_entry_that_means_nothing_is_refused_at_the_start(entry: str) -> None:
    with pytest.raises(ValidationError):
        EgressSettings(allowed=(entry,))
