"""AuthenticationService and TokenService."""

from __future__ import annotations

from picstore.auth.v1 import authentication_pb2, authentication_pb2_grpc
from picstore_auth.mapping.caller import identity_message
from picstore_auth.mapping.signing_key import signing_key_message
from picstore_auth.mapping.timestamp import timestamp_message
from picstore_auth.usecases.authentication import Authentication
from picstore_auth.usecases.signing import SigningKeys
from picstore_auth.usecases.tokens import Tokens
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.rpc.auth import require_principal
from picstore_kit.rpc.call import Context


class AuthenticationServicer(authentication_pb2_grpc.AuthenticationServiceServicer):
    """Serves `AuthenticationService`."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    async def Authenticate(
        self, request: authentication_pb2.AuthenticateRequest, context: Context
    ) -> authentication_pb2.Principal:
        """Say whose a credential is."""
        return identity_message(await self._authentication.authenticate(request.credential))

    async def GetPrincipal(
        self, request: authentication_pb2.GetPrincipalRequest, context: Context
    ) -> authentication_pb2.Principal:
        """Say whose the caller's credential is."""
        principal = require_principal()
        if principal.key_id is not None:
            return identity_message(await self._authentication.identify_key(principal.key_id))
        if principal.session_id is not None:
            return identity_message(
                await self._authentication.identify_session(principal.session_id)
            )
        raise Unauthenticated(Reason.CREDENTIAL_MISSING, "this needs the credential of a user")


class TokenServicer(authentication_pb2_grpc.TokenServiceServicer):
    """Serves `TokenService`."""

    def __init__(self, tokens: Tokens, signing_keys: SigningKeys) -> None:
        self._tokens = tokens
        self._signing_keys = signing_keys

    async def IssueServiceToken(
        self, request: authentication_pb2.IssueServiceTokenRequest, context: Context
    ) -> authentication_pb2.ServiceToken:
        """Exchange a service's secret for a token."""
        issued = await self._tokens.issue_service_token(request.name, request.secret)
        return authentication_pb2.ServiceToken(
            token=issued.token, expire_time=timestamp_message(issued.expires_at)
        )

    async def ListSigningKeys(
        self, request: authentication_pb2.ListSigningKeysRequest, context: Context
    ) -> authentication_pb2.ListSigningKeysResponse:
        """List the public keys."""
        page = await self._signing_keys.list_signing_keys(
            page_size=request.page_size, page_token=request.page_token
        )
        return authentication_pb2.ListSigningKeysResponse(
            keys=[signing_key_message(key) for key in page.rows],
            next_page_token=page.next_page_token,
        )

    async def RotateSigningKey(
        self, request: authentication_pb2.RotateSigningKeyRequest, context: Context
    ) -> authentication_pb2.SigningKey:
        """Have a new key sign."""
        return signing_key_message(await self._signing_keys.rotate())
