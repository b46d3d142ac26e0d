"""Pictures that Pic Store fetches itself, from a URL and from a bucket, over HTTP."""

from __future__ import annotations

import json
import threading

import pytest

from picstore_kit.ids import ProjectId
from tests.fake_http import Answer, Asked, fake_http
from tests.importing import begin, ended, fill_location, items_of, shown
from tests.pictures import photo
from tests.stack import LiveStack, eventually

pytestmark = pytest.mark.timeout(300)


def test_a_picture_at_a_url_becomes_one_of_the_project(
    stack: LiveStack, project_id: ProjectId
) -> None:
    data = photo(320, 240, seed="an import")
    with fake_http(lambda asked: Answer(body=data)) as server:
        job = {
            "url": {"url": f"{server.url}/dogs/rex.jpg?key=secret", "alt_text": "Rex"},
            "location": "dogs",
        }
        first = ended(stack, begin(stack, project_id, job))
        second = ended(stack, begin(stack, project_id, job))
    assert (first["state"], first["imported_count"]) == ("STATE_DONE", "1")
    assert first["received_bytes"] == str(len(data))
    assert (second["state"], second["duplicate_count"]) == ("STATE_DONE", "1")
    (item,) = items_of(stack, first["id"])
    (again,) = items_of(stack, second["id"])
    assert item["image_id"] == again["image_id"]
    assert item["source"] == f"{server.url}/dogs/rex.jpg"
    with stack.http() as http:
        image = http.get(f"/api/v1/images/{item['image_id']}").json()
    assert (image["filename"], image["location"], image["alt_text"]) == ("rex.jpg", "dogs", "Rex")


def test_a_url_that_leads_inside_is_refused_at_once(
    stack: LiveStack, project_id: ProjectId
) -> None:
    with stack.http() as http:
        answer = http.post(
            f"/api/v1/projects/{project_id}/import_jobs",
            json={"url": {"url": "http://169.254.169.254/latest/meta-data?a=b"}},
        )
    assert (answer.status_code, answer.json()["reason"]) == (400, "REMOTE_FORBIDDEN")
    assert answer.json()["metadata"] == {"host": "169.254.169.254"}


def test_a_bucket_is_imported_with_a_report(stack: LiveStack, project_id: ProjectId) -> None:
    good = {f"a/{index}/{index}.jpg": photo(64, 48, seed=f"b {index}") for index in range(12)}
    objects = {
        **good,
        "a/same.jpg": good["a/0/0.jpg"],
        "a/cut.jpg": photo(640, 480, seed="cut")[:3000],
        "a/notes.txt": b"nothing to see " * 1000,
        "elsewhere/x.jpg": photo(64, 48, seed="x"),
    }
    location_id = fill_location(stack, objects)
    bucket = {"storage_location_id": location_id, "prefix": "a/"}
    job = ended(stack, begin(stack, project_id, {"bucket": bucket, "location": "old"}))
    assert (job["state"], job["listed"], job["item_count"]) == ("STATE_DONE", True, "15")
    counts = [job[f"{name}_count"] for name in ("imported", "duplicate", "refused", "failed")]
    assert counts == ["12", "1", "2", "0"]
    items = {item["source"]: item for item in items_of(stack, job["id"])}
    assert items["a/cut.jpg"]["reason"] == "IMAGE_TRUNCATED"
    assert items["a/notes.txt"]["reason"] == "IMAGE_UNRECOGNISED"
    with stack.http() as http:
        image = http.get(f"/api/v1/images/{items['a/7/7.jpg']['image_id']}").json()
    assert image["location"] == "old/7"


def test_a_location_of_the_operator_is_not_read_from(
    stack: LiveStack, project_id: ProjectId
) -> None:
    """Other teams' pictures may be in the same bucket."""
    with stack.http() as http:
        locations = http.get("/api/v1/storage_locations").json()["storage_locations"]
        managed = next(place for place in locations if place["operator_managed"])
        answer = http.post(
            f"/api/v1/projects/{project_id}/import_jobs",
            json={"bucket": {"storage_location_id": managed["id"]}},
        )
    assert answer.json()["reason"] == "OPERATOR_MANAGED"


def test_an_import_of_a_revoked_key_ends(stack: LiveStack, project_id: ProjectId) -> None:
    let_go = threading.Event()

    def answer(asked: Asked) -> Answer:
        let_go.wait(60)
        return Answer(body=photo(64, 48, seed="too late"))

    with stack.http() as http:
        user_id = http.get("/api/v1/me").json()["user_id"]
        key = {"user_id": user_id, "inherit": True, "display_name": "robot"}
        made = http.post("/api/v1/api_keys", json=key).json()
        profiles = http.get(f"/api/v1/projects/{project_id}/upload_profiles").json()
        profile = profiles["upload_profiles"][0]["id"]
    try:
        with fake_http(answer) as server:
            url = {"url": f"{server.url}/slow.jpg"}
            wanted = {"url": url, "upload_profile": profile}
            job_id = begin(stack, project_id, wanted, made["credential"])
            eventually(lambda: server.asked or None, "the first try")
            with stack.http() as http:
                http.post(f"/api/v1/api_keys/{made['api_key']['id']}:revoke", json={})
            job = ended(stack, job_id)
            let_go.set()
    finally:
        let_go.set()
    assert (job["state"], job["failure_reason"]) == ("STATE_FAILED", "CREDENTIAL_REVOKED")
    assert shown(stack, job_id)["imported_count"] == "0"


def test_the_command_line_waits_and_says_what_came(stack: LiveStack, project_id: ProjectId) -> None:
    data = photo(64, 48, seed="the command line")

    def answer(asked: Asked) -> Answer:
        return Answer(body=data) if asked.path == "/a.jpg" else Answer(status=404)

    with fake_http(answer) as server:
        good = stack.picstore("import", "url", f"{server.url}/a.jpg", "--json")
        bad = stack.picstore("import", "url", f"{server.url}/b.jpg")
    assert good.returncode == 0, good.stderr
    job = json.loads(good.stdout)
    assert (job["state"], job["imported_count"]) == ("STATE_DONE", "1")
    assert bad.returncode == 1
    assert "answers with status 404" in bad.stdout

    items = stack.picstore("import", "items", job["id"], "--json")
    assert json.loads(items.stdout)["state"] == "STATE_IMPORTED"
    listed = stack.picstore("import", "list", "--json", "--limit", "1")
    assert len(listed.stdout.splitlines()) == 1
    assert job["id"] in stack.picstore("import", "show", job["id"]).stdout
    assert "done" in stack.picstore("import", "cancel", job["id"]).stdout
