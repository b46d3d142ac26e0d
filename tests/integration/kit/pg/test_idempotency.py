"""The same request twice does its work once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from picstore_kit.errors import AlreadyExists, InvalidField, Reason
from picstore_kit.ids import TeamId
from picstore_kit.pg.database import Database
from picstore_kit.pg.idempotency import RequestKey, purge, purge_for_ever, recall, remember
from tests.integration.kit.pg.conftest import BLUE, RED


def key(request_id: str = "one", principal: str = "usr_a") -> RequestKey:
    return RequestKey(principal=principal, method="CreateThing", request_id=request_id)


async def create(
    database: Database,
    request: RequestKey,
    payload: bytes = b"payload",
    answer: bytes = b"answer",
    team: TeamId = RED,
) -> bytes:
    """As a use-case does it; what it returns tells whether the work was done now."""
    async with database.transaction(team=team) as conn:
        if (before := await recall(conn, request, payload)) is not None:
            return before
        await remember(conn, request, payload, answer)
        return answer


async def test_the_second_request_gets_the_first_answer(database: Database) -> None:
    assert await create(database, key(), answer=b"first") == b"first"
    assert await create(database, key(), answer=b"second") == b"first"


async def test_requests_at_the_same_time_do_the_work_once(database: Database) -> None:
    answers = await asyncio.gather(
        *(create(database, key(), answer=str(number).encode()) for number in range(8))
    )
    assert len(set(answers)) == 1


async def test_another_payload_under_the_same_id_is_refused(database: Database) -> None:
    await create(database, key())
    with pytest.raises(AlreadyExists) as caught:
        await create(database, key(), payload=b"another")
    assert caught.value.reason is Reason.REQUEST_ID_REUSED


async def test_failed_work_is_not_remembered(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction(team=RED) as conn:
            await remember(conn, key(), b"payload", b"never")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await create(database, key(), answer=b"second") == b"second"


async def test_callers_do_not_meet_each_others_ids(database: Database) -> None:
    await create(database, key(principal="usr_a"), answer=b"a")
    assert await create(database, key(principal="usr_b"), answer=b"b", team=BLUE) == b"b"


async def test_without_an_id_every_request_is_a_new_one(database: Database) -> None:
    assert await create(database, key(""), answer=b"first") == b"first"
    assert await create(database, key(""), answer=b"second") == b"second"


async def test_work_outside_any_team_is_remembered_too(database: Database) -> None:
    async with database.system_transaction() as conn:
        await remember(conn, key(), b"payload", b"answer")
    async with database.system_transaction() as conn:
        assert await recall(conn, key(), b"payload") == b"answer"


async def test_old_answers_are_forgotten(database: Database) -> None:
    await create(database, key(), answer=b"first")
    async with database.system_transaction() as conn:
        assert await purge(conn) == 0
        assert await purge(conn, keep=timedelta(0)) == 1
    assert await create(database, key(), answer=b"second") == b"second"


async def test_a_service_forgets_old_answers_by_itself(database: Database) -> None:
    await create(database, key("yesterday"))
    await create(database, key("today"))
    async with database.system_transaction() as conn:
        await conn.execute(
            "UPDATE request_ids SET created_at = now() - interval '25 hours'"
            " WHERE request_id = 'yesterday'"
        )

    async def kept() -> list[str]:
        async with database.system_transaction() as conn:
            cursor = await conn.execute("SELECT request_id FROM request_ids")
            return [request_id for (request_id,) in await cursor.fetchall()]

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        purging = group.create_task(purge_for_ever(database))
        while True:
            if await kept() == ["today"]:
                break
            await asyncio.sleep(0)
        purging.cancel()


@pytest.mark.parametrize("request_id", ["x" * 129, "a\x00b", "a\nb"])
def test_an_unreasonable_id_is_an_invalid_field(request_id: str) -> None:
    with pytest.raises(InvalidField):
        key(request_id)
