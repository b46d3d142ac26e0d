"""Bad input and strangers get a clear error, and leave nothing behind."""

from __future__ import annotations

import io
from collections.abc import Iterator

import httpx
import pytest
from minio import Minio
from PIL import Image

from picstore_kit.credentials import new_api_key
from picstore_kit.ids import ImageId, KeyId, ProjectId, new_id
from tests.pictures import photo
from tests.stack import LiveStack, eventually

pytestmark = pytest.mark.timeout(180)

JPEG = photo(640, 480, seed="refusals")
PNG = photo(64, 48, seed="refusals", format="PNG")


BAD_FILES = {
    "nothing": (b"", "", 400, "UPLOAD_EMPTY"),
    "text": (b"this is no picture" * 50, "", 415, "IMAGE_UNRECOGNISED"),
    "html": (b"<!doctype html><script>alert(1)</script>", "", 415, "IMAGE_UNRECOGNISED"),
    "psd": (b"8BPS\0\1" + bytes(100), "", 415, "IMAGE_FORMAT_UNSUPPORTED"),
    "truncated gif": (b"GIF89a" + bytes(100), "", 422, "IMAGE_TRUNCATED"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "", 415, "IMAGE_FORMAT_UNSUPPORTED"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], "", 422, "IMAGE_TRUNCATED"),
    "truncated png": (PNG[: len(PNG) // 2], "", 422, "IMAGE_TRUNCATED"),
    "head of a jpeg": (JPEG[:20], "", 422, "IMAGE_TRUNCATED"),
    "lying type": (JPEG, "image/png", 415, "IMAGE_TYPE_MISMATCH"),
}


@pytest.fixture
def store(stack: LiveStack) -> Minio:
    variables = stack.demo_variables()
    return Minio(
        variables["PICSTORE_DEMO_S3_ENDPOINT"].removeprefix("http://"),
        access_key=variables["PICSTORE_DEMO_S3_ACCESS_KEY"],
        secret_key=variables["PICSTORE_DEMO_S3_SECRET_KEY"],
        region=variables["PICSTORE_DEMO_S3_REGION"],
        secure=False,
    )


def originals(store: Minio) -> set[str | None]:
    listed = store.list_objects("picstore-originals", recursive=True)
    return {item.object_name for item in listed}


def images(http: httpx.Client, project_id: ProjectId) -> set[str]:
    page = http.get(f"/api/v1/projects/{project_id}/images", params={"page_size": 500}).json()
    return {image["id"] for image in page["images"]}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_by_its_reason_and_leaves_nothing(
    stack: LiveStack, project_id: ProjectId, store: Minio, name: str
) -> None:
    data, content_type, status, reason = BAD_FILES[name]
    headers = {"content-type": content_type} if content_type else {}
    with stack.http() as http:
        before = originals(store), images(http, project_id)
        answer = http.post(
            f"/api/v1/projects/{project_id}/quick_upload",
            content=data,
            headers=headers,
            params={"filename": "bad.jpg"},
        )
        after = originals(store), images(http, project_id)

    problem = answer.json()
    assert (answer.status_code, problem["reason"]) == (status, reason), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"]
    assert after == before


def test_a_file_over_the_limit_is_refused_and_its_sender_hears_of_it(
    stack: LiveStack, project_id: ProjectId, store: Minio
) -> None:
    def too_much() -> Iterator[bytes]:
        yield JPEG
        for _ in range(150):
            yield bytes(1_000_000)

    with stack.http() as http:
        before = originals(store)
        answer = http.post(f"/api/v1/projects/{project_id}/quick_upload", content=too_much())

    assert (answer.status_code, answer.json()["reason"]) == (413, "LIMIT_BYTES")
    assert originals(store) == before


def test_too_many_pixels_are_refused_before_they_are_decoded(
    stack: LiveStack, project_id: ProjectId
) -> None:
    buffer = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(buffer, "PNG")
    with stack.http() as http:
        answer = http.post(f"/api/v1/projects/{project_id}/quick_upload", content=buffer.getvalue())

    assert (answer.status_code, answer.json()["reason"]) == (422, "LIMIT_PIXELS")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "CREDENTIAL_MISSING"),
        ("nonsense", "CREDENTIAL_INVALID"),
        (new_api_key(new_id(KeyId)).text, "CREDENTIAL_INVALID"),
    ],
    ids=["none", "nonsense", "unknown"],
)
def test_a_wrong_key_is_unauthenticated(
    stack: LiveStack, project_id: ProjectId, key: str, reason: str
) -> None:
    with stack.http(key) as http:
        answers = [
            http.get("/api/v1/me"),
            http.get(f"/api/v1/projects/{project_id}"),
            http.post(f"/api/v1/projects/{project_id}/quick_upload", content=JPEG),
        ]

    for answer in answers:
        assert (answer.status_code, answer.json()["reason"]) == (401, reason)
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("name", ["api_key", "access_token", "authorization"])
def test_a_key_in_the_query_is_no_credential(stack: LiveStack, name: str) -> None:
    with stack.http("") as http:
        answer = http.get("/api/v1/me", params={name: stack.api_key})

    assert answer.status_code in (400, 401)
    assert stack.api_key not in answer.text


def test_another_teams_objects_are_not_found(
    stack: LiveStack, project_id: ProjectId, other_key: str
) -> None:
    with stack.http() as http:
        image_id = http.post(
            f"/api/v1/projects/{project_id}/quick_upload", content=photo(80, 60, seed="foreign")
        ).json()["id"]
        profile_id = http.get(f"/api/v1/projects/{project_id}/upload_profiles").json()[
            "upload_profiles"
        ][0]["id"]
    missing_id = new_id(ImageId)
    with stack.http(other_key) as http:
        answers = {
            "project": http.get(f"/api/v1/projects/{project_id}"),
            "image": http.get(f"/api/v1/images/{image_id}"),
            "missing": http.get(f"/api/v1/images/{missing_id}"),
            "picture": http.get(f"/api/v1/images/{image_id}/picture"),
            "profile": http.get(f"/api/v1/upload_profiles/{profile_id}"),
            "list": http.get(f"/api/v1/projects/{project_id}/images"),
            "edit": http.patch(f"/api/v1/images/{image_id}", json={"alt_text": "mine"}),
            "upload": http.post(f"/api/v1/projects/{project_id}/quick_upload", content=JPEG),
        }

    for name, answer in answers.items():
        assert (answer.status_code, answer.json()["reason"]) == (404, "RESOURCE_NOT_FOUND"), name
    details = [answers[name].json()["detail"] for name in ("image", "missing")]
    assert details[0].replace(image_id, "ID") == details[1].replace(missing_id, "ID")


def test_a_revoked_key_is_refused_everywhere_at_once(
    stack: LiveStack, project_id: ProjectId
) -> None:
    with stack.http() as http:
        user_id = http.get("/api/v1/me").json()["user_id"]
        made = http.post("/api/v1/api_keys", json={"user_id": user_id, "inherit": True}).json()
        with stack.http(made["credential"]) as holder:
            paths = ["/api/v1/me", f"/api/v1/projects/{project_id}"]
            assert [holder.get(path).status_code for path in paths] == [200, 200]
            http.post(f"/api/v1/api_keys/{made['api_key']['id']}:revoke", json={})

            # The caches hear of it over the bus: soon, and long before they would forget.
            eventually(
                lambda: True if {holder.get(path).status_code for path in paths} == {401} else None,
                "refusals everywhere",
            )
            assert holder.get("/api/v1/me").json()["reason"] == "CREDENTIAL_REVOKED"
