"""Tokens and principals from an auth service that runs in the same process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from picstore.auth.v1 import authentication_pb2, authentication_pb2_grpc
from picstore_kit.errors import Reason, ResourceExhausted, Unauthenticated, Unavailable
from picstore_kit.ids import KeyId, TeamId
from picstore_kit.rpc.auth import Principal, acting_as, current_principal
from picstore_kit.rpc.authenticator import RemoteAuthenticator
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import ServiceCredentials
from picstore_kit.rpc.server import RPCServer
from picstore_kit.rpc.tokens import (
    RemoteVerificationKeys,
    ServiceTokenSource,
    ServiceTokenVerifier,
    VerificationKey,
    mint_service_token,
)
from picstore_kit.settings import RPCSettings, ServiceIdentitySettings

IDENTITY = ServiceIdentitySettings(name="catalog", secret=SecretStr("s3cret"))
Context = grpc.aio.ServicerContext[Any, Any]


class Auth(
    authentication_pb2_grpc.AuthenticationServiceServicer,
    authentication_pb2_grpc.TokenServiceServicer,
):
    """As much of auth as others see of it."""

    def __init__(self) -> None:
        self.private_key = Ed25519PrivateKey.generate()
        self.principals: dict[str, authentication_pb2.Principal] = {}
        self.asked: list[str] = []
        self.callers: list[Principal | None] = []
        self.issued = 0
        self.broken = False
        self.wait_s: float | None = None
        """What whoever asks is told to wait; None if nobody has failed too often."""
        self.gate = asyncio.Event()
        self.gate.set()

    async def Authenticate(
        self, request: authentication_pb2.AuthenticateRequest, context: Context
    ) -> authentication_pb2.Principal:
        self.asked.append(request.credential)
        self.callers.append(current_principal())
        principal = self.principals.get(request.credential)
        await self.gate.wait()
        if self.broken:
            raise Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "no database")
        if self.wait_s is not None:
            raise ResourceExhausted(Reason.RATE_LIMITED, "too many failed", retry_after=self.wait_s)
        if principal is None:
            raise Unauthenticated(Reason.CREDENTIAL_INVALID, "not one of ours")
        return principal

    async def IssueServiceToken(
        self, request: authentication_pb2.IssueServiceTokenRequest, context: Context
    ) -> authentication_pb2.ServiceToken:
        if self.broken or request.secret != IDENTITY.secret.get_secret_value():
            raise Unauthenticated(Reason.CREDENTIAL_INVALID, "no such service")
        self.issued += 1
        token, expires = mint_service_token(request.name, key_id="k1", private_key=self.private_key)
        response = authentication_pb2.ServiceToken(token=token)
        response.expire_time.FromSeconds(expires)
        return response

    async def ListSigningKeys(
        self, request: authentication_pb2.ListSigningKeysRequest, context: Context
    ) -> authentication_pb2.ListSigningKeysResponse:
        raw = self.private_key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        key = authentication_pb2.SigningKey(key_id="k1", public_key=raw)
        return authentication_pb2.ListSigningKeysResponse(keys=[key])

    async def RotateSigningKey(
        self, request: authentication_pb2.RotateSigningKeyRequest, context: Context
    ) -> authentication_pb2.SigningKey:
        raise NotImplementedError("no service asks for it")

    async def GetPrincipal(
        self, request: authentication_pb2.GetPrincipalRequest, context: Context
    ) -> authentication_pb2.Principal:
        self.callers.append(current_principal())
        return authentication_pb2.Principal()


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class NoKeys:
    async def authenticate(self, credential: str) -> Principal:
        raise Unauthenticated(Reason.CREDENTIAL_INVALID, "only services call here")


class Installation:
    """An auth service, and another service's view of it."""

    def __init__(self, auth: Auth, clock: Clock, target: str, channel: grpc.aio.Channel) -> None:
        self.auth = auth
        self.clock = clock
        self.target = target
        tokens = authentication_pb2_grpc.TokenServiceStub(channel)
        self.tokens = ServiceTokenSource(tokens, IDENTITY, now=clock)
        self.verifier = ServiceTokenVerifier(RemoteVerificationKeys(tokens))

    def authenticator(self, channel: grpc.aio.Channel) -> RemoteAuthenticator:
        stub = authentication_pb2_grpc.AuthenticationServiceStub(channel)
        return RemoteAuthenticator(stub, clock=self.clock)

    def channel(self) -> grpc.aio.Channel:
        return open_channel(
            self.target,
            services=["picstore.auth.v1.AuthenticationService"],
            credentials=ServiceCredentials(self.tokens),
        )


class OwnKeys:
    """What auth verifies with: its own keys, without a call."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    async def fetch(self) -> list[VerificationKey]:
        public_key = self._auth.private_key.public_key()
        return [VerificationKey(key_id="k1", public_key=public_key)]


@pytest.fixture
async def installation() -> AsyncIterator[Installation]:
    auth = Auth()
    server = RPCServer(
        RPCSettings(stop_grace_s=0.2),
        servicers=[
            (
                authentication_pb2_grpc.add_AuthenticationServiceServicer_to_server,
                auth,
                "picstore.auth.v1.AuthenticationService",
            ),
            (
                authentication_pb2_grpc.add_TokenServiceServicer_to_server,
                auth,
                "picstore.auth.v1.TokenService",
            ),
        ],
        authenticator=NoKeys(),
        verifier=ServiceTokenVerifier(OwnKeys(auth)),
    )
    async with server:
        await server.serving()
        async with open_channel(server.address) as channel:
            yield Installation(auth, Clock(), server.address, channel)


@pytest.fixture
async def authenticator(installation: Installation) -> AsyncIterator[RemoteAuthenticator]:
    async with installation.channel() as channel:
        yield installation.authenticator(channel)


def _know(installation: Installation, credential: str, key_id: str = "key_1") -> None:
    installation.auth.principals[credential] = authentication_pb2.Principal(
        team_id="tem_1", key_id=key_id
    )


async def test_token_is_issued_once_and_renewed_before_it_expires(
    installation: Installation,
) -> None:
    tokens = {await installation.tokens.token() for _ in range(3)}
    assert installation.auth.issued == len(tokens) == 1
    assert await installation.verifier.verify(tokens.pop()) == "catalog"
    installation.clock.now += 241
    await installation.tokens.token()
    assert installation.auth.issued == 2


async def test_token_is_issued_once_for_many_callers(installation: Installation) -> None:
    async with asyncio.TaskGroup() as tasks:
        for _ in range(10):
            tasks.create_task(installation.tokens.token())
    assert installation.auth.issued == 1


async def test_token_outlives_a_broken_auth_until_it_expires(installation: Installation) -> None:
    token = await installation.tokens.token()
    installation.auth.broken = True
    installation.clock.now += 250
    assert await installation.tokens.token() == token
    installation.clock.now += 60
    with pytest.raises(Unavailable) as caught:
        await installation.tokens.token()
    assert "identify itself" in caught.value.message


async def test_service_is_known_to_the_other_and_so_is_its_user(
    installation: Installation,
) -> None:
    _know(installation, "ps_a")
    async with installation.channel() as channel:
        stub = authentication_pb2_grpc.AuthenticationServiceStub(channel)
        await stub.Authenticate(authentication_pb2.AuthenticateRequest(credential="ps_a"))
        user = Principal(team_id=TeamId("tem_1"), key_id=KeyId("key_1"))
        with acting_as(user):
            await stub.GetPrincipal(authentication_pb2.GetPrincipalRequest())
    assert installation.auth.callers == [
        Principal(service="catalog"),
        Principal(service="catalog", team_id=TeamId("tem_1"), key_id=KeyId("key_1")),
    ]


async def test_answer_is_believed_for_thirty_seconds(
    installation: Installation, authenticator: RemoteAuthenticator
) -> None:
    _know(installation, "ps_a")
    for seconds in (0, 29, 2):
        installation.clock.now += seconds
        assert (await authenticator.authenticate("ps_a")).team_id == "tem_1"
    assert installation.auth.asked == ["ps_a", "ps_a"]
    assert installation.auth.callers[0] == Principal(service="catalog")


async def test_answer_is_not_believed_past_the_keys_expiry(
    installation: Installation, authenticator: RemoteAuthenticator
) -> None:
    _know(installation, "ps_a")
    installation.auth.principals["ps_a"].expire_time.FromSeconds(int(time.time()) + 10)
    for seconds in (0, 11):
        installation.clock.now += seconds
        await authenticator.authenticate("ps_a")
    assert len(installation.auth.asked) == 2


async def test_refusal_is_believed_for_a_moment_only(
    installation: Installation, authenticator: RemoteAuthenticator
) -> None:
    for _ in range(3):
        with pytest.raises(Unauthenticated) as caught:
            await authenticator.authenticate("ps_a")
        assert caught.value.reason is Reason.CREDENTIAL_INVALID
    assert len(installation.auth.asked) == 1
    _know(installation, "ps_a")
    installation.clock.now += 4
    assert (await authenticator.authenticate("ps_a")).key_id == "key_1"


async def test_hammering_caller_does_not_reach_auth_each_time(
    installation: Installation, authenticator: RemoteAuthenticator
) -> None:
    installation.auth.wait_s = 42
    for _ in range(5):
        with pytest.raises(ResourceExhausted) as caught:
            await authenticator.authenticate("ps_a")
        assert caught.value.reason is Reason.RATE_LIMITED
        assert caught.value.retry_after == 42
    assert len(installation.auth.asked) == 1


async def test_bad_credentials_do_not_push_out_good_ones(
    installation: Installation,
    authenticator: RemoteAuthenticator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("picstore_kit.rpc.authenticator._CAPACITY", 2)
    _know(installation, "ps_a")
    await authenticator.authenticate("ps_a")
    for number in range(5):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(f"ps_made_up_{number}")
    await authenticator.authenticate("ps_a")
    assert installation.auth.asked.count("ps_a") == 1
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate("ps_made_up_0")
    assert installation.auth.asked.count("ps_made_up_0") == 2


async def test_session_is_forgotten_by_its_id(
    installation: Installation, authenticator: RemoteAuthenticator
) -> None:
    installation.auth.principals["pss_a"] = authentication_pb2.Principal(
        team_id="tem_1", session_id="ses_1"
    )
    await authenticator.authenticate("pss_a")
    del installation.auth.principals["pss_a"]
    authenticator.forget("ses_1")
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate("pss_a")


async def test_outage_of_auth_is_not_remembered(
    installation: Installation, authenticator: RemoteAuthenticator
) -> None:
    _know(installation, "ps_a")
    installation.auth.broken = True
    with pytest.raises(Unavailable):
        await authenticator.authenticate("ps_a")
    installation.auth.broken = False
    assert (await authenticator.authenticate("ps_a")).key_id == "key_1"


async def test_many_calls_at_once_ask_once(
    installation: Installation, authenticator: RemoteAuthenticator
) -> None:
    _know(installation, "ps_a")
    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(authenticator.authenticate("ps_a"))
    assert len(installation.auth.asked) == 1


async def test_caller_that_gives_up_does_not_take_the_others_with_it(
    installation: Installation, authenticator: RemoteAuthenticator
) -> None:
    _know(installation, "ps_a")
    installation.auth.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(authenticator.authenticate("ps_a"))
        second = tasks.create_task(authenticator.authenticate("ps_a"))
        async with asyncio.timeout(10):
            while not installation.auth.asked:  # noqa: ASYNC110  # a list sets no event
                await asyncio.sleep(0.005)
        first.cancel()
        installation.auth.gate.set()
    assert first.cancelled()
    assert second.result().key_id == "key_1"


async def test_revoked_key_is_forgotten_at_once(
    installation: Installation, authenticator: RemoteAuthenticator
) -> None:
    _know(installation, "ps_a")
    _know(installation, "ps_b", key_id="key_2")
    await authenticator.authenticate("ps_a")
    await authenticator.authenticate("ps_b")
    del installation.auth.principals["ps_a"]
    authenticator.forget(KeyId("key_1"))
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate("ps_a")
    await authenticator.authenticate("ps_b")
    assert installation.auth.asked == ["ps_a", "ps_b", "ps_a"]


async def test_answer_that_a_revocation_overtook_is_not_remembered(
    installation: Installation, authenticator: RemoteAuthenticator
) -> None:
    _know(installation, "ps_a")
    installation.auth.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(authenticator.authenticate("ps_a"))
        async with asyncio.timeout(10):
            while not installation.auth.asked:  # noqa: ASYNC110  # a list sets no event
                await asyncio.sleep(0.005)
        del installation.auth.principals["ps_a"]
        authenticator.forget(KeyId("key_1"))
        installation.auth.gate.set()
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate("ps_a")
