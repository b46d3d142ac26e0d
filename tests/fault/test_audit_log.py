"""Services die while things are done; the audit log has each of them once."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.stack import LiveStack, eventually

pytestmark = pytest.mark.timeout(300)


def create_project(stack: LiveStack, short_name: str) -> str:
    """Make a project, asking again with the same request id until there is an answer."""
    project = {"short_name": short_name, "base_path": short_name}
    parameters = {"request_id": uuid.uuid4().hex}

    def ask() -> str | None:
        with stack.http() as http:
            try:
                answer = http.post("/api/v1/projects", json=project, params=parameters)
            except httpx.TransportError:
                return None
        if answer.status_code >= 500:
            return None
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["id"]
        return made

    return eventually(ask, f"the project {short_name}")


def created(stack: LiveStack) -> Counter[str]:
    """How often the log says of each project that it was made."""
    found: Counter[str] = Counter()
    parameters: dict[str, Any] = {"method": "CreateProject", "page_size": 500}
    with stack.http() as http:
        answer = http.get("/api/v1/audit_events", params=parameters)
    if answer.status_code == 200:
        found.update(event["resource_id"] for event in answer.json()["audit_events"])
    return found


def test_killed_services_lose_no_audit_event_and_record_none_twice(stack: LiveStack) -> None:
    made: list[str] = []
    for round_, victim in enumerate(("auth", "catalog", "auth", "catalog")):
        made += [create_project(stack, f"audited-{round_}-{number}") for number in range(5)]
        stack.kill(victim)
        made.append(create_project(stack, f"audited-{round_}-after"))
    stack.wait_ready()
    eventually(lambda: True if set(made) <= set(created(stack)) else None, "all events")
    times = created(stack)
    assert {project_id: times[project_id] for project_id in made} == dict.fromkeys(made, 1)
