"""How a service is known to its peers and knows who calls: what every `main.py` sets up alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from picstore.auth.v1.authentication_pb2_grpc import (
    AuthenticationServiceStub,
    TokenServiceStub,
)
from picstore.events.v1.event_pb2 import Event as EventMessage
from picstore_kit.bus.connection import Bus
from picstore_kit.bus.events import Event, Subscription
from picstore_kit.lifecycle import Lifecycle
from picstore_kit.rpc.authenticator import RemoteAuthenticator
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import ServiceCredentials
from picstore_kit.rpc.tokens import (
    RemoteVerificationKeys,
    ServiceTokenSource,
    ServiceTokenVerifier,
)
from picstore_kit.settings import ServiceIdentitySettings

_TOKENS: Final = "picstore.auth.v1.TokenService"
_AUTHENTICATION: Final = "picstore.auth.v1.AuthenticationService"
_REVOKED: Final = "picstore.event.key.revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """What a service needs to call the others and to be called by them."""

    credentials: ServiceCredentials
    """For channels to other services."""
    verifier: ServiceTokenVerifier
    """Tells which service calls."""
    authenticator: RemoteAuthenticator
    """Tells which user calls."""


async def meet_peers(
    lifecycle: Lifecycle, *, identity: ServiceIdentitySettings, auth: str
) -> Peers:
    """Connect to the auth service at the gRPC target `auth`; it need not answer yet."""
    public = await lifecycle.enter(open_channel(auth, services=[_TOKENS]))
    tokens = TokenServiceStub(public)
    credentials = ServiceCredentials(ServiceTokenSource(tokens, identity))
    private = await lifecycle.enter(
        open_channel(auth, services=[_AUTHENTICATION], credentials=credentials)
    )
    return Peers(
        credentials=credentials,
        verifier=ServiceTokenVerifier(RemoteVerificationKeys(tokens)),
        authenticator=RemoteAuthenticator(AuthenticationServiceStub(private)),
    )


async def follow_revocations(lifecycle: Lifecycle, bus: Bus, peers: Peers) -> None:
    """Forget what is remembered of a key or session as soon as it is revoked."""

    async def forget(event: Event) -> None:
        for key_id in EventMessage.FromString(event.payload).key_revoked.key_ids:
            peers.authenticator.forget(key_id)

    await lifecycle.enter(Subscription(bus, _REVOKED, forget))
