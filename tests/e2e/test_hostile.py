"""Hostile files through the running services: each is answered, and no process minds."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final

import httpx
import psutil
import pytest

from picstore_kit.ids import ProjectId
from tests.hostile.case import Case
from tests.hostile.corpus import KINDS
from tests.pictures import photo
from tests.stack import LiveStack

pytestmark = pytest.mark.timeout(600)

SERVICES: Final = ("gateway", "upload", "catalog", "auth", "converter")
EVERY: Final = 12
"""Of each kind one file in so many goes all the way; every one goes through the children alone in
`tests/integration/hostile`."""
AT_ONCE: Final = 8
GROWTH: Final = 96 * 2**20
"""Bytes by which a service may grow meanwhile: it looks into no file itself."""


def some() -> Iterator[Case]:
    """Take some files of each kind, of those that are small enough to be sent in a moment."""
    for kind in KINDS.values():
        yield from islice(kind(), 0, None, EVERY)


def test_services_stay_as_they_are(stack: LiveStack, project_id: ProjectId) -> None:
    stack.wait_ready()
    processes = {name: psutil.Process(stack.pid(name)) for name in SERVICES}
    before = {name: process.memory_info().rss for name, process in processes.items()}

    def send(case: Case) -> tuple[str, int, str]:
        with stack.http() as http:
            answer = http.post(
                f"/api/v1/projects/{project_id}/quick_upload",
                content=case.make(),
                headers={"content-type": case.declared_type} if case.declared_type else {},
                params={"filename": "hostile", "on_duplicate": "create"},
            )
        answered = answer.json()
        return case.name, answer.status_code, answered.get("reason") or answered["id"]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(send, some()))

    wrong = [answer for answer in answers if answer[1] not in (200, 201, 400, 413, 415, 422)]
    assert not wrong
    accepted = [image_id for _, status, image_id in answers if status in (200, 201)]
    assert len(answers) - len(accepted) > len(answers) // 3
    with stack.http() as http:
        for image_id in accepted:
            assert state_of(http, image_id) in ("STATE_READY", "STATE_FAILED")
        sound = http.post(
            f"/api/v1/projects/{project_id}/quick_upload",
            content=photo(320, 240, seed="after the hostile"),
            params={"filename": "sound.jpg"},
        ).json()
        assert state_of(http, sound["id"]) == "STATE_READY"

    for name, process in processes.items():
        assert stack.pid(name) == process.pid
        assert process.memory_info().rss - before[name] < GROWTH, name


def state_of(http: httpx.Client, image_id: str) -> str:
    """Return the state of a picture when nothing more happens with it, or after a minute."""
    answer = http.get(f"/api/v1/images/{image_id}", params={"wait": "55s"})
    state: str = answer.json()["state"]
    return state
