"""An import goes on where a process that was killed has left it."""

from __future__ import annotations

import pytest

from picstore_kit.ids import ProjectId
from tests.importing import begin, ended, fill_location, items_of, shown
from tests.pictures import photo
from tests.stack import LiveStack, eventually

pytestmark = pytest.mark.timeout(300)

PICTURES = 60


def test_every_picture_comes_once_however_often_the_service_is_killed(
    stack: LiveStack, project_id: ProjectId
) -> None:
    objects = {f"{index:03}.jpg": photo(64, 48, seed=f"kill {index}") for index in range(PICTURES)}
    location_id = fill_location(stack, objects)
    job_id = begin(stack, project_id, {"bucket": {"storage_location_id": location_id}})
    for wanted in (5, 20, 35):
        eventually(
            lambda wanted=wanted: stack_has(stack, job_id, wanted),  # type: ignore[misc]
            f"{wanted} pictures",
        )
        stack.kill("upload")
        stack.wait_ready()
    job = ended(stack, job_id)
    counts = [job[f"{name}_count"] for name in ("imported", "duplicate", "refused", "failed")]
    assert (job["state"], counts) == ("STATE_DONE", [str(PICTURES), "0", "0", "0"])
    items = items_of(stack, job_id)
    assert len({item["image_id"] for item in items}) == PICTURES
    with stack.http() as http:
        for item in items:
            image = http.get(f"/api/v1/images/{item['image_id']}").json()
            assert image["filename"] == item["source"]


def stack_has(stack: LiveStack, job_id: str, wanted: int) -> bool | None:
    job = shown(stack, job_id)
    return True if int(job["imported_count"]) >= wanted or job["state"] == "STATE_DONE" else None
