"""Creates that are told their request id: done once, answered alike every time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from pydantic import TypeAdapter

from picstore_auth.model.caller import Caller
from picstore_kit.pg.idempotency import RequestKey, recall, remember

CommandT = TypeVar("CommandT")
AnswerT = TypeVar("AnswerT")


class Once(Generic[CommandT, AnswerT]):
    """Runs one method's work at most once per caller and request id.

    Command and answer are kept as JSON of the model's values, so what is repeated does not depend
    on how the wire would write it.
    """

    def __init__(self, method: str, command: type[CommandT], answer: type[AnswerT]) -> None:
        self._method = method
        self._command = TypeAdapter(command)
        self._answer = TypeAdapter(answer)

    async def __call__(
        self,
        conn: AsyncConnection[TupleRow],
        caller: Caller,
        request_id: str,
        command: CommandT,
        work: Callable[[], Awaitable[AnswerT]],
    ) -> AnswerT:
        """Return the answer that was given to this request before, or do the work.

        Raises:
            AlreadyExists: The id was used before for another command (REQUEST_ID_REUSED).
            InvalidField: The id is too long.
        """
        key = RequestKey(
            principal=caller.user_id or "operator", method=self._method, request_id=request_id
        )
        payload = self._command.dump_json(command)
        if (before := await recall(conn, key, payload)) is not None:
            return self._answer.validate_json(before)
        answer = await work()
        await remember(conn, key, payload, self._answer.dump_json(answer))
        return answer
