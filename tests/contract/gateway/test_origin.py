"""Where a request comes from, as the services are told."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest

from tests.contract.gateway.backend import Backend

STRANGER, OTHER_STRANGER, PROXY = "127.0.0.1", "127.0.0.3", "127.0.0.2"


async def told(
    address: str, backend: Backend, *, caller: str, headers: Mapping[str, str]
) -> dict[str, str]:
    """Call from one of this machine's addresses; return what a service is told of it."""
    transport = httpx.AsyncHTTPTransport(local_address=caller)
    async with httpx.AsyncClient(
        base_url=f"http://{address}", transport=transport, headers={"user-agent": "Mozilla/5.0"}
    ) as http:
        response = await http.get("/api/v1/me", headers=headers)
    assert response.status_code == 200
    return backend.calls["GetPrincipal"].metadata


@pytest.mark.parametrize("caller", [STRANGER, OTHER_STRANGER])
async def test_whoever_connects_is_the_client(address: str, backend: Backend, caller: str) -> None:
    metadata = await told(address, backend, caller=caller, headers={})
    assert metadata["x-forwarded-for"] == caller
    assert metadata["x-forwarded-user-agent"] == "Mozilla/5.0"


@pytest.mark.parametrize("name", ["x-forwarded-for", "x-real-ip", "forwarded"])
async def test_a_stranger_is_not_believed_to_be_somebody_else(
    address: str, backend: Backend, name: str
) -> None:
    metadata = await told(address, backend, caller=STRANGER, headers={name: "198.51.100.1"})
    assert metadata["x-forwarded-for"] == STRANGER


async def test_a_stranger_does_not_choose_what_is_passed_on_as_the_user_agent(
    address: str, backend: Backend
) -> None:
    for caller in (STRANGER, PROXY):
        headers = {"x-forwarded-user-agent": "forged"}
        metadata = await told(address, backend, caller=caller, headers=headers)
        assert metadata["x-forwarded-user-agent"] == "Mozilla/5.0"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.66, 198.51.100.1", "198.51.100.1"),
        ("192.0.2.66, 198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("nonsense", PROXY),
    ],
    ids=["one", "IPv6", "what the client itself wrote", "two proxies", "nonsense"],
)
async def test_a_proxy_is_believed_for_whom_it_calls(
    address: str, backend: Backend, forwarded: str, client: str
) -> None:
    headers = {"x-forwarded-for": forwarded}
    metadata = await told(address, backend, caller=PROXY, headers=headers)
    assert metadata["x-forwarded-for"] == client


async def test_an_upload_says_where_it_comes_from_too(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    await http.post("/api/v1/projects/prj_1/quick_upload", content=b"x")
    assert backend.calls["QuickUpload"].metadata["x-forwarded-for"] == STRANGER
