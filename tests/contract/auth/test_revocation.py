"""What is revoked is refused by the other services at once, by way of the bus."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from picstore.auth.v1 import api_key_pb2, session_pb2, user_pb2
from picstore_kit.bus.connection import Bus
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.lifecycle import Lifecycle
from picstore_kit.peers import Peers, follow_revocations, meet_peers
from picstore_kit.settings import NATSSettings, ServiceIdentitySettings
from picstore_local.infrastructure import Infrastructure
from tests.contract.auth.calls import update_user
from tests.contract.auth.clients import SECRETS, Client, Connect, Team
from tests.contract.auth.people import Person, log_in, new_person


class Forgotten:
    """Notes what a cache was told to forget."""

    def __init__(self, peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
        self._events: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._forget = peers.authenticator.forget
        monkeypatch.setattr(peers.authenticator, "forget", self._note)

    async def wait_for(self, credential_id: str) -> None:
        """Return when the cache was told to forget the credential."""
        async with asyncio.timeout(15):
            await self._events[credential_id].wait()

    def _note(self, credential_id: str) -> None:
        self._forget(credential_id)
        self._events[credential_id].set()


@pytest.fixture
async def peers(address: str, infra: Infrastructure) -> AsyncIterator[Peers]:
    """Another service, as every `main.py` sets it up."""
    async with Lifecycle() as lifecycle:
        bus = await lifecycle.enter(Bus(NATSSettings(url=infra.nats_url), name="tests"))
        identity = ServiceIdentitySettings(name="catalog", secret=SecretStr(SECRETS["catalog"]))
        peers = await meet_peers(lifecycle, identity=identity, auth=address)
        await follow_revocations(lifecycle, bus, peers)
        yield peers


@pytest.fixture
def forgotten(peers: Peers, monkeypatch: pytest.MonkeyPatch) -> Forgotten:
    return Forgotten(peers, monkeypatch)


@pytest.fixture
async def ann(team: Team, stranger: Client) -> Person:
    return await new_person(team, stranger)


async def refused(peers: Peers, credential: str) -> Reason:
    with pytest.raises(Unauthenticated) as caught:
        await peers.authenticator.authenticate(credential)
    return caught.value.reason


async def test_revoked_key_is_refused_elsewhere(
    peers: Peers, forgotten: Forgotten, team: Team, admin: Client
) -> None:
    api_key = team.members["writer"].api_key
    await peers.authenticator.authenticate(api_key.text)
    await admin.keys.RevokeApiKey(api_key_pb2.RevokeApiKeyRequest(api_key_id=api_key.key_id))
    await forgotten.wait_for(api_key.key_id)
    assert await refused(peers, api_key.text) is Reason.CREDENTIAL_REVOKED


async def test_session_that_has_ended_is_refused_elsewhere(
    peers: Peers, forgotten: Forgotten, ann: Person, stranger: Client, connect: Connect
) -> None:
    begun = await log_in(stranger, ann)
    await peers.authenticator.authenticate(begun.credential)
    await connect(begun.credential).sessions.Logout(session_pb2.LogoutRequest())
    await forgotten.wait_for(begun.session.id)
    assert await refused(peers, begun.credential) is Reason.CREDENTIAL_REVOKED


async def test_sessions_of_a_disabled_user_are_refused_elsewhere(
    peers: Peers, forgotten: Forgotten, ann: Person, stranger: Client, admin: Client
) -> None:
    begun = await log_in(stranger, ann)
    await peers.authenticator.authenticate(begun.credential)
    await update_user(admin, user_pb2.User(id=ann.user_id, disabled=True), "disabled")
    await forgotten.wait_for(begun.session.id)
    assert await refused(peers, begun.credential) is Reason.CREDENTIAL_REVOKED
