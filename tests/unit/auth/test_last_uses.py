"""Uses of keys while the database is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from picstore_auth.usecases.last_uses import RESOLUTION, LastUses
from picstore_kit.errors import Reason, Unavailable
from picstore_kit.ids import KeyId, new_id
from picstore_kit.pg.database import Database

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Recorder:
    """A database that may be away, and the parameters of what was executed on it."""

    def __init__(self) -> None:
        self.away = False
        self.executed: list[Any] = []

    @asynccontextmanager
    async def system_transaction(self) -> AsyncIterator[Recorder]:
        if self.away:
            raise Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "the database does not answer")
        yield self

    async def execute(self, query: str, parameters: Any) -> None:
        self.executed.append(parameters)


async def test_uses_wait_for_a_database_that_is_away() -> None:
    recorder = Recorder()
    last_uses = LastUses(cast(Database, recorder))
    key_id = new_id(KeyId)
    last_uses.note(key_id, NOW, stored=None)
    recorder.away = True
    await last_uses.flush()
    recorder.away = False
    await last_uses.flush()
    await last_uses.flush()
    assert recorder.executed == [([key_id], [NOW])]


async def test_many_uses_are_one_statement() -> None:
    recorder = Recorder()
    last_uses = LastUses(cast(Database, recorder))
    first, second = new_id(KeyId), new_id(KeyId)
    for key_id in (first, second, first):
        last_uses.note(key_id, NOW, stored=None)
    await last_uses.flush()
    assert recorder.executed == [([first, second], [NOW, NOW])]


async def test_recent_use_is_not_noted_again() -> None:
    recorder = Recorder()
    last_uses = LastUses(cast(Database, recorder))
    last_uses.note(new_id(KeyId), NOW, stored=NOW - RESOLUTION + timedelta(seconds=1))
    await last_uses.flush()
    assert recorder.executed == []
