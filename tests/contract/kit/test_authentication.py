"""Who is admitted to which method, and who the handler is told calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from picstore_kit.errors import PermissionDenied, Reason, Unauthenticated
from picstore_kit.ids import KeyId, ProjectId, TeamId, UserId
from picstore_kit.rpc.auth import (
    Grant,
    Principal,
    acting_as,
    current_principal,
    principal_to_proto,
)
from picstore_kit.rpc.credentials import PRINCIPAL, BearerCredentials

if TYPE_CHECKING:
    from tests.contract.kit.conftest import EchoClient, Wire

KEY = "ps_00000000000000000000000000_abc"
USER = Principal(
    team_id=TeamId("tem_1"),
    user_id=UserId("usr_1"),
    key_id=KeyId("key_1"),
    grants=(Grant(permission="image:read", project_id=ProjectId("prj_1")),),
)
SERVICE = Principal(service="upload")
SERVICE_FOR_USER = Principal(
    team_id=USER.team_id,
    user_id=USER.user_id,
    key_id=USER.key_id,
    service="upload",
    grants=USER.grants,
)

PUBLIC, CALLERS, SERVICES, USERS = "Unary", "ForCallers", "ForServices", "ForUsers"


class Seen:
    """Notes who the handler is told calls."""

    def __init__(self, wire: Wire) -> None:
        self.principals: list[Principal | None] = []
        for method in (PUBLIC, CALLERS, SERVICES, USERS):
            wire.servicer.on(method, self._note)

    async def _note(self, request: Any, _context: Any) -> Any:
        self.principals.append(current_principal())
        return request


def _headers(wire: Wire, caller: str) -> tuple[tuple[str, str | bytes], ...]:
    wire.keys.principals[KEY] = USER
    token = ("authorization", f"Bearer {wire.authority.token('upload')}")
    on_behalf = (PRINCIPAL, principal_to_proto(USER).SerializeToString())
    return {
        "nobody": (),
        "user": (("authorization", f"Bearer {KEY}"),),
        "service": (token,),
        "service for user": (token, on_behalf),
        "user with a forged principal": (("authorization", f"Bearer {KEY}"), on_behalf),
        "forged principal": (on_behalf,),
    }[caller]


@pytest.mark.parametrize(
    ("caller", "method", "principal"),
    [
        ("nobody", PUBLIC, None),
        ("user", CALLERS, USER),
        ("user", USERS, USER),
        ("service", SERVICES, SERVICE),
        ("service for user", CALLERS, SERVICE_FOR_USER),
        ("service for user", SERVICES, SERVICE_FOR_USER),
        ("service for user", USERS, SERVICE_FOR_USER),
        ("user with a forged principal", USERS, USER),
    ],
)
async def test_admitted_caller_is_the_current_principal(
    wire: Wire, client: EchoClient, caller: str, method: str, principal: Principal | None
) -> None:
    seen = Seen(wire)
    await client.unary(method=method, metadata=_headers(wire, caller))
    assert seen.principals == [principal]


@pytest.mark.parametrize(
    ("caller", "method", "reason"),
    [
        ("nobody", CALLERS, Reason.CREDENTIAL_MISSING),
        ("nobody", SERVICES, Reason.CREDENTIAL_MISSING),
        ("nobody", USERS, Reason.CREDENTIAL_MISSING),
        ("forged principal", USERS, Reason.CREDENTIAL_MISSING),
        ("user", SERVICES, Reason.SERVICE_ONLY),
        ("user with a forged principal", SERVICES, Reason.SERVICE_ONLY),
        ("service", USERS, Reason.CREDENTIAL_MISSING),
    ],
)
async def test_others_are_refused_before_the_handler_runs(
    wire: Wire, client: EchoClient, caller: str, method: str, reason: Reason
) -> None:
    seen = Seen(wire)
    with pytest.raises((Unauthenticated, PermissionDenied)) as caught:
        await client.unary(method=method, metadata=_headers(wire, caller))
    assert caught.value.reason is reason
    assert seen.principals == []


@pytest.mark.parametrize("header", [f"Basic {KEY}", KEY, "Bearer", "Bearer ", "Bearer ps_unknown"])
async def test_other_schemes_and_unknown_keys_are_refused(
    wire: Wire, client: EchoClient, header: str
) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await client.unary(method=CALLERS, metadata=(("authorization", header),))
    assert caught.value.reason is Reason.CREDENTIAL_INVALID


async def test_stranger_is_not_told_what_is_wrong_with_the_request(client: EchoClient) -> None:
    with pytest.raises(Unauthenticated):
        await client.unary("", method=USERS)


async def test_on_behalf_header_that_is_no_principal_is_refused(
    wire: Wire, client: EchoClient
) -> None:
    metadata = (*_headers(wire, "service"), (PRINCIPAL, b"\xff\xff"))
    with pytest.raises(Unauthenticated):
        await client.unary(method=CALLERS, metadata=metadata)


async def test_bearer_credentials_are_sent_with_every_call(wire: Wire) -> None:
    seen = Seen(wire)
    wire.keys.principals[KEY] = USER
    server = await wire.serve()
    client = await wire.connect(server.address, credentials=BearerCredentials(lambda: KEY))
    await client.unary(method=CALLERS)
    assert seen.principals == [USER]


async def test_principal_ends_with_the_call(wire: Wire, client: EchoClient) -> None:
    await client.unary(method=CALLERS, metadata=_headers(wire, "user"))
    assert current_principal() is None
    with acting_as(USER):
        assert current_principal() == USER
    assert current_principal() is None
