"""Calls in the operator's name: by gRPC, with a service token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc.aio

from picstore.auth.v1.authentication_pb2_grpc import TokenServiceStub
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import ServiceCredentials
from picstore_kit.rpc.tokens import ServiceTokenSource
from picstore_kit.settings import ServiceIdentitySettings, TargetsSettings

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorChannels:
    """Channels on which every call is the operator's."""

    auth: grpc.aio.Channel
    catalog: grpc.aio.Channel


@asynccontextmanager
async def operator_channels(
    *, identity: ServiceIdentitySettings, targets: TargetsSettings
) -> AsyncIterator[OperatorChannels]:
    """Open channels to auth and the catalog for the block; `identity` is the operator's."""
    async with open_channel(targets.auth) as public:
        credentials = ServiceCredentials(ServiceTokenSource(TokenServiceStub(public), identity))
        async with (
            open_channel(targets.auth, credentials=credentials, timeout_s=_TIMEOUT_S) as auth,
            open_channel(targets.catalog, credentials=credentials, timeout_s=_TIMEOUT_S) as catalog,
        ):
            yield OperatorChannels(auth=auth, catalog=catalog)
