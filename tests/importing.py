"""Imports on a live stack: a location of the team's own, jobs, and what becomes of them."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping
from typing import Any

from minio import Minio

from tests.stack import LiveStack, eventually

OPEN = ("STATE_QUEUED", "STATE_RUNNING")


def fill_location(stack: LiveStack, objects: Mapping[str, bytes]) -> str:
    """Make a storage location that the team itself has set up, with objects, and return its id."""
    variables = stack.demo_variables()
    endpoint, bucket = variables["PICSTORE_DEMO_S3_ENDPOINT"], f"old-site-{uuid.uuid4().hex[:12]}"
    key, secret = (
        variables["PICSTORE_DEMO_S3_ACCESS_KEY"],
        variables["PICSTORE_DEMO_S3_SECRET_KEY"],
    )
    store = Minio(endpoint.removeprefix("http://"), access_key=key, secret_key=secret, secure=False)
    store.make_bucket(bucket)
    for name, data in objects.items():
        store.put_object(bucket, name, io.BytesIO(data), len(data))
    location = {
        "short_name": bucket,
        "public_base_url": f"{endpoint}/{bucket}",
        "s3": {
            "endpoint": endpoint,
            "region": "us-east-1",
            "bucket": bucket,
            "access_key_id": key,
            "secret_access_key": secret,
        },
    }
    with stack.http() as http:
        answer = http.post("/api/v1/storage_locations", json=location)
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["id"])


def begin(
    stack: LiveStack, project_id: str, job: Mapping[str, Any], api_key: str | None = None
) -> str:
    """Begin an import and return its id."""
    with stack.http(api_key) as http:
        answer = http.post(f"/api/v1/projects/{project_id}/import_jobs", json=job)
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["id"])


def shown(stack: LiveStack, job_id: str) -> dict[str, Any]:
    """Return a job as it is now."""
    with stack.http() as http:
        answer = http.get(f"/api/v1/import_jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


def ended(stack: LiveStack, job_id: str) -> dict[str, Any]:
    """Return a job as soon as it has ended."""

    def look() -> dict[str, Any] | None:
        job = shown(stack, job_id)
        return None if job["state"] in OPEN else job

    return eventually(look, f"the end of {job_id}")


def items_of(stack: LiveStack, job_id: str) -> list[dict[str, Any]]:
    """Return what became of each picture."""
    with stack.http() as http:
        answer = http.get(f"/api/v1/import_jobs/{job_id}/items?page_size=500")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items
