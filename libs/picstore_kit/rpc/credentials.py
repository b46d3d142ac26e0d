"""What a client sends along so that servers know who calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from picstore_kit.rpc.auth import current_principal, principal_to_proto
from picstore_kit.rpc.tokens import ServiceTokenSource

AUTHORIZATION: Final = "authorization"
PRINCIPAL: Final = "picstore-principal-bin"
"""A serialised `picstore.auth.v1.Principal`: the caller for whom a service acts."""

Metadata = Sequence[tuple[str, str | bytes]]


class Credentials(Protocol):
    """Yields the metadata that identify the caller of one outgoing call."""

    async def metadata(self) -> Metadata:
        """Return the pairs to send.

        Raises:
            Unavailable: They cannot be had now.
        """


class BearerCredentials:
    """A user's credential: an SDK's own, or the one that a gateway passes on."""

    def __init__(self, credential: Callable[[], str | None]) -> None:
        self._credential = credential

    async def metadata(self) -> Metadata:
        """Send what the callable returns for this call; nothing if it returns None."""
        credential = self._credential()
        return [] if credential is None else [(AUTHORIZATION, f"Bearer {credential}")]


class ServiceCredentials:
    """This service's own token; within a user's call also the user for whom it acts."""

    def __init__(self, tokens: ServiceTokenSource) -> None:
        self._tokens = tokens

    async def metadata(self) -> Metadata:
        """Send the token, and the current principal if there is one with a team."""
        metadata: list[tuple[str, str | bytes]] = [
            (AUTHORIZATION, f"Bearer {await self._tokens.token()}")
        ]
        principal = current_principal()
        if principal is not None and principal.team_id is not None:
            metadata.append((PRINCIPAL, principal_to_proto(principal).SerializeToString()))
        return metadata
