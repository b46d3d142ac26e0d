"""Where a call comes from, and whose word is taken for it."""

from __future__ import annotations

from ipaddress import ip_network

import grpc
import pytest

from picstore_kit.rpc.origin import (
    MAX_USER_AGENT,
    Origin,
    coming_from,
    current_origin,
    forwarding,
    origin_of,
)
from picstore_kit.rpc.outgoing import OutgoingCalls

TRUSTED = tuple(ip_network(text) for text in ("127.0.0.0/8", "::1/128", "10.0.0.0/8"))
GATEWAY, STRANGER = "ipv4:10.0.0.7:4711", "ipv4:203.0.113.9:4711"


def _client_address(peer: str, *forwarded: str) -> str:
    return origin_of(
        method="a.v1.Service/Method",
        peer=peer,
        metadata=[("x-forwarded-for", value) for value in forwarded],
        trusted=TRUSTED,
    ).client_address


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        pytest.param(STRANGER, [], "203.0.113.9", id="whoever connects"),
        pytest.param("ipv6:[2001:db8::1]:4711", [], "2001:db8::1", id="IPv6"),
        pytest.param("ipv6:%5B2001:db8::1%5D:4711", [], "2001:db8::1", id="as gRPC escapes it"),
        pytest.param("ipv6:[::ffff:203.0.113.9]:1", [], "203.0.113.9", id="IPv4 within IPv6"),
        pytest.param("ipv6:[fe80::1%25eth0]:1", [], "fe80::1", id="with a zone"),
        pytest.param(STRANGER, ["198.51.100.1"], "203.0.113.9", id="stranger's header"),
        pytest.param(GATEWAY, ["198.51.100.1"], "198.51.100.1", id="gateway's header"),
        pytest.param("unix:/run/auth.sock", ["198.51.100.1"], "198.51.100.1", id="unix socket"),
        pytest.param("ipv6:[::1]:4711", ["198.51.100.1"], "198.51.100.1", id="loopback"),
        pytest.param(
            GATEWAY, ["192.0.2.66, 198.51.100.1"], "198.51.100.1", id="client's own claim"
        ),
        pytest.param(
            GATEWAY, ["192.0.2.66", "198.51.100.1"], "198.51.100.1", id="claim in its own header"
        ),
        pytest.param(
            GATEWAY, ["127.0.0.1, 198.51.100.1"], "198.51.100.1", id="claim to be one of ours"
        ),
        pytest.param(
            GATEWAY, ["192.0.2.66,198.51.100.1, 10.0.0.1,10.0.0.2"], "198.51.100.1", id="two hops"
        ),
        pytest.param(GATEWAY, ["10.0.0.1, 10.0.0.2"], "10.0.0.1", id="all are ours"),
        pytest.param(GATEWAY, ["198.51.100.1:4711"], "198.51.100.1", id="with a port"),
        pytest.param(GATEWAY, ["[2001:db8::1]:4711"], "2001:db8::1", id="IPv6 with a port"),
        pytest.param(GATEWAY, ["2001:DB8:0::1"], "2001:db8::1", id="another spelling"),
        pytest.param(GATEWAY, ["192.0.2.66, unknown"], "10.0.0.7", id="no address"),
        pytest.param(GATEWAY, ["192.0.2.66, unknown, 10.0.0.1"], "10.0.0.1", id="none before ours"),
        pytest.param(GATEWAY, [""], "10.0.0.7", id="empty"),
        pytest.param(GATEWAY, [",,,"], "10.0.0.7", id="only commas"),
        pytest.param(GATEWAY, ["999.1.1.1"], "10.0.0.7", id="no number"),
        pytest.param(GATEWAY, ["\x00'; DROP TABLE x"], "10.0.0.7", id="garbage"),
        pytest.param(GATEWAY, [], "10.0.0.7", id="trusted but for itself"),
        pytest.param("unix:", [], "", id="unix socket for itself"),
        pytest.param("", ["198.51.100.1"], "", id="no peer"),
        pytest.param("ipv4:nonsense", ["198.51.100.1"], "", id="unreadable peer"),
    ],
)
def test_client_is_the_last_who_is_not_one_of_ours(
    peer: str, forwarded: list[str], address: str
) -> None:
    assert _client_address(peer, *forwarded) == address


def _user_agent(peer: str, **metadata: str) -> str:
    return origin_of(
        method="",
        peer=peer,
        metadata=[(name.replace("_", "-"), value) for name, value in metadata.items()],
        trusted=TRUSTED,
    ).user_agent


def test_user_agent_is_forwarded_by_trusted_peers_only() -> None:
    browser = {"user_agent": "grpc-python/1", "x_forwarded_user_agent": "Mozilla/5.0"}
    assert _user_agent(GATEWAY, **browser) == "Mozilla/5.0"
    assert _user_agent(STRANGER, **browser) == "grpc-python/1"
    assert _user_agent(GATEWAY, user_agent="grpc-python/1") == "grpc-python/1"
    assert _user_agent(STRANGER) == ""


def test_long_user_agent_is_cut() -> None:
    assert len(_user_agent(STRANGER, user_agent="x" * 5000)) == MAX_USER_AGENT


def test_nothing_is_known_outside_a_call() -> None:
    assert current_origin() == Origin()
    assert forwarding() == []


def _details(*metadata: tuple[str, str]) -> grpc.aio.ClientCallDetails:
    return grpc.aio.ClientCallDetails(
        "/a.v1.Service/Method", None, grpc.aio.Metadata(*metadata), None, None
    )


async def test_origin_is_passed_on_to_other_services() -> None:
    calls = OutgoingCalls(credentials=None, timeout_s=5, stream_timeout_s=900)
    with coming_from(Origin(client_address="198.51.100.1", user_agent="Mozilla/5.0 (ü\n)")):
        metadata = (await calls.prepare(_details())).metadata
    assert metadata is not None
    assert metadata["x-forwarded-for"] == "198.51.100.1"
    assert metadata["x-forwarded-user-agent"] == "Mozilla/5.0 ()"


async def test_what_the_caller_forwards_itself_is_left_alone() -> None:
    calls = OutgoingCalls(credentials=None, timeout_s=5, stream_timeout_s=900)
    with coming_from(Origin(client_address="198.51.100.1")):
        details = await calls.prepare(_details(("x-forwarded-for", "192.0.2.1")))
    assert details.metadata is not None
    assert list(details.metadata.get_all("x-forwarded-for")) == ["192.0.2.1"]
