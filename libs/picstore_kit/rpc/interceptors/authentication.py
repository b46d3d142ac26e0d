"""Finds out who calls, refuses those whom the method is not for, and makes them the principal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from google.protobuf.message import DecodeError

from picstore.auth.v1 import authentication_pb2
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.rpc.auth import (
    AccessRule,
    Audience,
    Authenticator,
    Principal,
    acting_as,
    principal_from_proto,
)
from picstore_kit.rpc.call import Call
from picstore_kit.rpc.credentials import AUTHORIZATION, PRINCIPAL
from picstore_kit.rpc.tokens import ServiceTokenVerifier, looks_like_service_token

_SCHEME: Final = "bearer "


class Authentication:
    """Knows the access rule of every method; health checks and reflection need no credential."""

    def __init__(
        self,
        rules: Mapping[str, AccessRule],
        *,
        authenticator: Authenticator,
        verifier: ServiceTokenVerifier,
    ) -> None:
        self._rules = rules
        self._authenticator = authenticator
        self._verifier = verifier

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Admit the caller, who is `current_principal()` within."""
        if call.infrastructure or not call.known:
            yield
            return
        rule = self._rules[call.method]
        if rule.audience is not Audience.PUBLIC:
            call.principal = await self._principal(call)
            rule.admit(call.principal)

        async def renew() -> Principal:
            principal = await self._principal(call)
            rule.admit(principal)
            assert principal is not None  # or it had not been admitted
            return principal

        of_user = call.principal is not None and call.principal.service is None
        with acting_as(call.principal, renew=renew if of_user else None):
            yield

    async def _principal(self, call: Call) -> Principal | None:
        header = call.text(AUTHORIZATION)
        if header is None:
            return None
        if not header.lower().startswith(_SCHEME):
            raise Unauthenticated(
                Reason.CREDENTIAL_INVALID, "send the credential as `authorization: Bearer …`"
            )
        credential = header[len(_SCHEME) :].strip()
        if not looks_like_service_token(credential):
            return await self._authenticator.authenticate(credential)
        return _acting(await self._verifier.verify(credential), call.metadata.get(PRINCIPAL))


def _acting(service: str, on_behalf: str | bytes | None) -> Principal:
    """Return the service, with the caller for whom it says that it acts.

    Only a service is believed: beside a user's credential the header is not looked at.
    """
    if not isinstance(on_behalf, bytes):
        return Principal(service=service)
    try:
        message = authentication_pb2.Principal.FromString(on_behalf)
    except DecodeError as error:
        raise Unauthenticated(
            Reason.CREDENTIAL_INVALID, f"{PRINCIPAL} is not a principal"
        ) from error
    return principal_from_proto(message, service=service)
