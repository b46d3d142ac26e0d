"""The catalog's transactions: whose rows they reach, and how a repeated request is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, TypeAlias, TypeVar

from google.protobuf.message import Message
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_kit.ids import TeamId
from picstore_kit.pg.access import Access
from picstore_kit.pg.database import Database
from picstore_kit.pg.idempotency import RequestKey, recall, remember

Transaction: TypeAlias = AsyncConnection[TupleRow]

AnswerT = TypeVar("AnswerT", bound=Message)


class RepeatableRequest(Protocol):
    """A request message with a `request_id`."""

    @property
    def request_id(self) -> str:
        """Chosen by the caller; empty if the request is not to be recognised."""

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:
        """Return the same bytes for the same request."""


class UnitOfWork:
    """Begins transactions; each commits when its block ends well."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, team_id: TeamId) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction that reaches the rows of one team."""
        return self._database.transaction(team=team_id)

    @asynccontextmanager
    async def begin_trial(self, team_id: TeamId) -> AsyncIterator[Transaction]:
        """Begin a transaction that reaches the rows of one team and is taken back at its end."""
        async with (
            self.begin(team_id) as transaction,
            transaction.transaction(force_rollback=True),
        ):
            yield transaction

    def begin_for_all_teams(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction that reaches all rows: for what no team asked for, such as sweeps."""
        return self._database.system_transaction()

    async def answered(
        self,
        access: Access,
        *,
        method: str,
        request: RepeatableRequest,
        answer: type[AnswerT],
    ) -> AnswerT | None:
        """Return the answer that `once` gave to the same request before, if it did.

        For what is done before the work and must not be in its transaction, as it takes long.

        Raises:
            AlreadyExists: The request id was used with another request (REQUEST_ID_REUSED).
        """
        key, payload = _keyed(access, method, request)
        async with self.begin(access.team_id) as transaction:
            earlier = await recall(transaction, key, payload)
        return None if earlier is None else answer.FromString(earlier)

    async def once(
        self,
        access: Access,
        *,
        method: str,
        request: RepeatableRequest,
        answer: type[AnswerT],
        work: Callable[[Transaction], Awaitable[AnswerT]],
    ) -> AnswerT:
        """Do `work` in a transaction, or give the answer that it gave to the same request before.

        Raises:
            AlreadyExists: The request id was used with another request (REQUEST_ID_REUSED).
        """
        key, payload = _keyed(access, method, request)
        async with self.begin(access.team_id) as transaction:
            earlier = await recall(transaction, key, payload)
            if earlier is not None:
                return answer.FromString(earlier)
            given = await work(transaction)
            await remember(transaction, key, payload, given.SerializeToString())
            return given


def _keyed(access: Access, method: str, request: RepeatableRequest) -> tuple[RequestKey, bytes]:
    key = RequestKey(principal=access.caller, method=method, request_id=request.request_id)
    return key, request.SerializeToString(deterministic=True)
