"""Callers of the catalog: teams with users of various grants, and the operator."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from picstore.catalog.v1.bootstrap_pb2_grpc import BootstrapServiceStub
from picstore.catalog.v1.conversion_profile_pb2_grpc import ConversionProfileServiceStub
from picstore.catalog.v1.image_service_pb2_grpc import ImageServiceStub
from picstore.catalog.v1.overlay_template_pb2_grpc import OverlayTemplateServiceStub
from picstore.catalog.v1.project_pb2_grpc import ProjectServiceStub
from picstore.catalog.v1.reference_pb2_grpc import ReferenceServiceStub
from picstore.catalog.v1.storage_location_pb2_grpc import StorageLocationServiceStub
from picstore.catalog.v1.upload_profile_pb2_grpc import UploadProfileServiceStub
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.ids import TeamId, UserId, new_id
from picstore_kit.rpc.auth import Grant, Principal
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import BearerCredentials
from picstore_kit.rpc.tokens import VerificationKey, mint_service_token

ADMIN = (Grant(permission="team:admin"),)


class Client:
    """The catalog's services as one caller reaches them."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.projects = ProjectServiceStub(channel)
        self.locations = StorageLocationServiceStub(channel)
        self.conversion_profiles = ConversionProfileServiceStub(channel)
        self.upload_profiles = UploadProfileServiceStub(channel)
        self.overlay_templates = OverlayTemplateServiceStub(channel)
        self.images = ImageServiceStub(channel)
        self.references = ReferenceServiceStub(channel)
        self.bootstrap = BootstrapServiceStub(channel)


class KnownKeys:
    """An authenticator that knows the keys that it made."""

    def __init__(self) -> None:
        self._principals: dict[str, Principal] = {}

    def make(self, team_id: TeamId, grants: Sequence[Grant]) -> str:
        """Return the key of a new user of the team."""
        user_id = new_id(UserId)
        self._principals[user_id] = Principal(
            team_id=team_id, user_id=user_id, grants=tuple(grants)
        )
        return user_id

    def revoke_last(self) -> None:
        """Forget the key that was made last."""
        self._principals.popitem()

    async def authenticate(self, credential: str) -> Principal:
        if credential not in self._principals:
            raise Unauthenticated(Reason.CREDENTIAL_INVALID, "the key is not one of ours")
        return self._principals[credential]


class TokenAuthority:
    """Signs service tokens and is where their keys come from."""

    def __init__(self) -> None:
        self._private_key = Ed25519PrivateKey.generate()

    def token(self, service: str) -> str:
        return mint_service_token(service, key_id="k1", private_key=self._private_key)[0]

    async def fetch(self) -> list[VerificationKey]:
        return [VerificationKey(key_id="k1", public_key=self._private_key.public_key())]


class Catalog:
    """A catalog that serves, and channels to it."""

    def __init__(
        self, address: str, stack: AsyncExitStack, keys: KnownKeys, authority: TokenAuthority
    ) -> None:
        self._address = address
        self._stack = stack
        self._keys = keys
        self._authority = authority

    async def user(self, team_id: TeamId, grants: Sequence[Grant]) -> Client:
        """Return a client for a new user of the team."""
        return await self._client(self._keys.make(team_id, grants))

    async def service(self, name: str) -> Client:
        """Return a client for a service that acts for nobody."""
        return await self._client(self._authority.token(name))

    async def _client(self, credential: str) -> Client:
        channel = open_channel(self._address, credentials=BearerCredentials(lambda: credential))
        return Client(await self._stack.enter_async_context(channel))
