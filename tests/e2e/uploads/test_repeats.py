"""A request that is repeated, on purpose or by a proxy, makes one picture."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import httpx

from picstore_kit.ids import ProjectId
from tests.pictures import photo
from tests.stack import LiveStack

REPEATS = 100


async def post(http: httpx.AsyncClient, project_id: str, data: bytes, key: str) -> httpx.Response:
    return await http.post(
        f"/api/v1/projects/{project_id}/quick_upload",
        params={"on_duplicate": "create"},
        content=data,
        headers={"idempotency-key": key},
    )


def test_a_hundred_identical_posts_at_once_make_one_picture(
    stack: LiveStack, project_id: ProjectId
) -> None:
    data, key = photo(120, 80, seed="a hundred times"), str(uuid4())

    async def run() -> list[httpx.Response]:
        async with httpx.AsyncClient(
            base_url=stack.gateway,
            headers={"authorization": f"Bearer {stack.api_key}"},
            timeout=60,
            limits=httpx.Limits(max_connections=REPEATS),
        ) as http:
            answers = await asyncio.gather(
                *(post(http, project_id, data, key) for _ in range(REPEATS))
            )
            other = await post(http, project_id, photo(80, 120, seed="another"), key)
            return [*answers, other]

    *answers, other = asyncio.run(run())
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (other.status_code, other.json()["reason"]) == (409, "REQUEST_ID_REUSED")
    with stack.database() as database:
        rows = database.execute(
            "SELECT count(*) FROM catalog.originals WHERE sha256 = sha256(%s)", (data,)
        ).fetchone()
    assert rows == (1,)
