"""Calls in the operator's name: by gRPC, with a service token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc.aio

from picstore.auth.v1.authentication_pb2_grpc import TokenServiceStub
from picstore_cli.context import OPERATOR, OperatorContext
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import ServiceCredentials
from picstore_kit.rpc.tokens import ServiceTokenSource
from picstore_kit.settings import ServiceIdentitySettings

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorChannels:
    """Channels on which every call is the operator's."""

    auth: grpc.aio.Channel
    catalog: grpc.aio.Channel


@asynccontextmanager
async def operator_channels(context: OperatorContext) -> AsyncIterator[OperatorChannels]:
    """Open channels to auth and the catalog for the block."""
    identity = ServiceIdentitySettings.model_validate({"name": OPERATOR, "secret": context.secret})
    async with open_channel(context.targets.auth) as public:
        credentials = ServiceCredentials(ServiceTokenSource(TokenServiceStub(public), identity))
        async with (
            open_channel(
                context.targets.auth, credentials=credentials, timeout_s=_TIMEOUT_S
            ) as auth,
            open_channel(
                context.targets.catalog, credentials=credentials, timeout_s=_TIMEOUT_S
            ) as catalog,
        ):
            yield OperatorChannels(auth=auth, catalog=catalog)
