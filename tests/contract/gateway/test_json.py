"""JSON over HTTP becomes the messages of the contract, and back."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from picstore.auth.v1.api_key_pb2 import ApiKey, CreateApiKeyResponse
from picstore.catalog.v1.conversion_pb2 import FORMAT_AVIF
from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.image_service_pb2 import LookupImagesResponse
from picstore.catalog.v1.project_pb2 import ListProjectsResponse, Project
from picstore.catalog.v1.storage_location_pb2 import (
    ListStorageLocationsResponse,
    S3Provider,
    StorageLocation,
)
from picstore.catalog.v1.upload_profile_pb2 import UploadProfile
from tests.contract.gateway.backend import Backend


def violations(response: httpx.Response) -> dict[str, str]:
    return {v["field"]: v["description"] for v in response.json()["violations"]}


async def test_a_path_variable_becomes_its_field(http: httpx.AsyncClient, backend: Backend) -> None:
    await http.get("/api/v1/projects/prj_1%20x")
    assert backend.calls["GetProject"].request.project_id == "prj_1 x"


async def test_a_path_variable_within_the_body_becomes_its_field(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    await http.post("/api/v1/projects/prj_1/upload_profiles", json={"short_name": "photos"})
    profile = backend.calls["CreateUploadProfile"].request.upload_profile
    assert (profile.project_id, profile.short_name) == ("prj_1", "photos")


async def test_the_path_wins_over_the_body(http: httpx.AsyncClient, backend: Backend) -> None:
    await http.patch("/api/v1/projects/prj_1", json={"id": "prj_2", "display_name": "X"})
    assert backend.calls["UpdateProject"].request.project.id == "prj_1"


async def test_query_parameters_of_every_kind_become_fields(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    await http.get("/api/v1/projects", params={"page_size": "7", "short_name": "häuser & co"})
    request = backend.calls["ListProjects"].request
    assert (request.page_size, request.short_name) == (7, "häuser & co")


async def test_a_field_mask_is_names_with_commas_between(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    response = await http.patch(
        "/api/v1/projects/prj_1",
        params={"update_mask": "display_name, max_bytes"},
        json={"displayName": "camelCase is read, too", "max_bytes": "9007199254740993"},
    )
    assert response.status_code == 200
    request = backend.calls["UpdateProject"].request
    assert list(request.update_mask.paths) == ["display_name", "max_bytes"]
    assert request.project.display_name == "camelCase is read, too"
    assert request.project.max_bytes == 9007199254740993


async def test_a_field_mask_names_entries_by_keys_of_any_spelling(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    await http.patch(
        "/api/v1/images/img_1",
        params={"update_mask": "alt_texts.de-AT,metadata.Camera_Model,tags"},
        json={"alt_texts": {"de-AT": "Hund"}, "metadata": {"Camera_Model": "X1"}, "tags": ["a"]},
    )
    request = backend.calls["UpdateImage"].request
    assert list(request.update_mask.paths) == ["alt_texts.de-AT", "metadata.Camera_Model", "tags"]
    assert dict(request.image.alt_texts) == {"de-AT": "Hund"}
    assert dict(request.image.metadata) == {"Camera_Model": "X1"}


async def test_filters_of_a_list_are_read(http: httpx.AsyncClient, backend: Backend) -> None:
    response = await http.get(
        "/api/v1/projects/prj_1/images?tags=a&tags=b%20c&state=STATE_READY&format=FORMAT_AVIF"
        "&start_time=2026-01-31T12:00:00Z&order_by=filename%20desc"
    )
    assert response.status_code == 200
    request = backend.calls["ListImages"].request
    assert (list(request.tags), request.order_by) == (["a", "b c"], "filename desc")
    assert (request.state, request.format) == (Image.STATE_READY, FORMAT_AVIF)
    assert request.start_time.ToJsonString() == "2026-01-31T12:00:00Z"


@pytest.mark.parametrize(
    ("query", "field"), [("state=READY", "state"), ("start_time=noon", "start_time")]
)
async def test_a_wrong_filter_is_named(http: httpx.AsyncClient, query: str, field: str) -> None:
    response = await http.get(f"/api/v1/projects/prj_1/images?{query}")
    assert response.status_code == 400
    assert set(violations(response)) == {field}


async def test_a_hash_can_be_looked_up_in_all_projects_and_with_both_verbs(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    assert (await http.get("/api/v1/projects/-/images:lookup?sha256=ab")).status_code == 200
    one = backend.calls["LookupImage"].request
    assert (one.project_id, one.sha256) == ("-", "ab")
    await http.post("/api/v1/projects/-/images:lookup", json={"sha256s": ["ab"]})
    assert backend.calls["LookupImages"].request.project_id == "-"


async def test_nested_messages_and_enums_are_read(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    await http.post(
        "/api/v1/conversion_profiles",
        json={"formats": [{"format": "FORMAT_AVIF", "quality": 60}], "sizes": [{"width": 640}]},
    )
    profile = backend.calls["CreateConversionProfile"].request.conversion_profile
    assert (profile.formats[0].format, profile.formats[0].quality) == (FORMAT_AVIF, 60)
    assert profile.sizes[0].width == 640


async def test_a_body_that_is_the_whole_request_is_read(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    backend.answer("LookupImages", LookupImagesResponse())
    await http.post("/api/v1/projects/prj_1/images:lookup", json={"sha256s": ["a", "b"]})
    request = backend.calls["LookupImages"].request
    assert (request.project_id, list(request.sha256s)) == ("prj_1", ["a", "b"])


@pytest.mark.parametrize(
    ("path", "method", "field", "value"),
    [
        ("/api/v1/api_keys/key_1:revoke", "RevokeApiKey", "api_key_id", "key_1"),
        ("/api/v1/api_keys/key_1:rotate", "RotateApiKey", "api_key_id", "key_1"),
        (
            "/api/v1/storage_locations/loc_1:test",
            "TestStorageLocation",
            "storage_location_id",
            "loc_1",
        ),
        (
            "/api/v1/conversion_profiles/cpr_1:rollback",
            "RollbackConversionProfile",
            "conversion_profile_id",
            "cpr_1",
        ),
    ],
)
async def test_a_custom_verb_is_not_taken_for_an_id(
    http: httpx.AsyncClient, backend: Backend, path: str, method: str, field: str, value: str
) -> None:
    assert (await http.post(path)).status_code == 200
    assert getattr(backend.calls[method].request, field) == value


async def test_what_is_deleted_has_nothing_more_to_say(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    response = await http.delete("/api/v1/projects/prj_1", params={"etag": "7"})
    assert (response.status_code, response.content) == (204, b"")
    assert "content-type" not in response.headers
    request = backend.calls["DeleteProject"].request
    assert (request.project_id, request.etag) == ("prj_1", "7")


async def test_answers_name_fields_as_the_contract_does_with_int64_as_text(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    project = Project(id="prj_1", display_name="Ünïcode", max_bytes=2**53 + 1)
    backend.answer("GetProject", project)
    response = await http.get("/api/v1/projects/prj_1")
    assert response.headers["content-type"] == "application/json"
    assert "Ünïcode" in response.text
    answer = response.json()
    assert answer["max_bytes"] == str(2**53 + 1)
    assert answer["base_path"] == ""  # what is not set is there, too


async def test_what_is_only_taken_is_not_in_answers(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    location = StorageLocation(id="loc_1", s3=S3Provider(bucket="b", secret_access_key="s"))
    backend.answer(
        "ListStorageLocations", ListStorageLocationsResponse(storage_locations=[location])
    )
    (answer,) = (await http.get("/api/v1/storage_locations")).json()["storage_locations"]
    assert answer["s3"]["bucket"] == "b"
    assert "secret_access_key" not in answer["s3"]


async def test_what_was_created_is_201_with_its_place(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    backend.answer("CreateProject", Project(id="prj_1"))
    response = await http.post("/api/v1/projects", json={"short_name": "web"})
    assert response.status_code == 201
    assert response.headers["location"] == "/api/v1/projects/prj_1"


async def test_the_place_of_what_was_created_is_where_it_is_read(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    backend.answer("CreateUploadProfile", UploadProfile(id="upr_1"))
    response = await http.post("/api/v1/projects/prj_1/upload_profiles", json={})
    assert response.headers["location"] == "/api/v1/upload_profiles/upr_1"


async def test_an_api_key_that_was_created_is_found_within_the_answer(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    answer = CreateApiKeyResponse(api_key=ApiKey(id="key_1"), credential="ps_secret")
    backend.answer("CreateApiKey", answer)
    response = await http.post("/api/v1/api_keys", json={"user_id": "usr_1"})
    assert response.status_code == 201
    assert response.headers["location"] == "/api/v1/api_keys/key_1"


async def test_a_request_id_of_a_create_is_a_query_parameter(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    await http.post("/api/v1/projects", params={"request_id": "once"}, json={"short_name": "web"})
    assert backend.calls["CreateProject"].request.request_id == "once"


@pytest.mark.parametrize(
    ("query", "field", "description"),
    [
        ("api_key=ps_x", "api_key", "is not a query parameter"),
        ("page_size=ten", "page_size", "must be a whole number of 32 bits"),
        ("page_size=٣", "page_size", "must be a whole number of 32 bits"),
        ("page_size=99999999999", "page_size", "must be a whole number of 32 bits"),
        ("page_size=1&page_size=2", "page_size", "must be given once"),
        ("page_size=", "page_size", "must be a whole number of 32 bits"),
    ],
)
async def test_a_wrong_query_parameter_is_named(
    http: httpx.AsyncClient, backend: Backend, query: str, field: str, description: str
) -> None:
    response = await http.get(f"/api/v1/projects?{query}")
    assert response.status_code == 400
    assert violations(response) == {field: description}
    assert not backend.calls


async def test_all_wrong_query_parameters_are_named_at_once(http: httpx.AsyncClient) -> None:
    response = await http.get("/api/v1/projects?page_size=x&colour=red")
    assert set(violations(response)) == {"page_size", "colour"}


@pytest.mark.parametrize(
    ("body", "field", "description"),
    [
        ({"colour": 1}, "project", "has no field 'colour'"),
        ({"display_name": 5}, "project.display_name", "must be a string"),
        ({"display_name": "\ud800"}, "project.display_name", "must be Unicode"),
        ({"max_bytes": "many"}, "project.max_bytes", "must be a whole number of 64 bits"),
        ({"max_bytes": 1.5}, "project.max_bytes", "must be a whole number of 64 bits"),
        ({"max_bytes": 10**30}, "project.max_bytes", "must be a whole number of 64 bits"),
        (
            {"create_time": "yesterday"},
            "project.create_time",
            "must be a time such as 2026-01-31T12:00:00Z",
        ),
    ],
)
async def test_a_wrong_field_of_the_body_is_named(
    http: httpx.AsyncClient, body: dict[str, Any], field: str, description: str
) -> None:
    response = await http.post("/api/v1/projects", content=json.dumps(body))
    assert response.status_code == 400
    assert violations(response) == {field: description}


@pytest.mark.parametrize(
    ("body", "field", "begins"),
    [
        ({"formats": [{"format": "GIF"}]}, "formats.format", "must be one of FORMAT_JPEG"),
        ({"formats": {"format": 1}}, "formats", "must be a list"),
        ({"formats": ["x"]}, "formats", ""),
        ({"sizes": [{"enlarge": "true"}]}, "sizes.enlarge", "must be true or false"),
        ({"sizes": [{"colour": 1}]}, "sizes", "has no field 'colour'"),
    ],
)
async def test_a_wrong_field_within_a_list_is_named(
    http: httpx.AsyncClient, body: dict[str, Any], field: str, begins: str
) -> None:
    response = await http.post("/api/v1/conversion_profiles", json=body)
    assert response.status_code == 400
    ((name, description),) = violations(response).items()
    assert name == f"conversion_profile.{field}"
    assert description.startswith(begins)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b"null",
        b"[" * 100_000,
        b"1" * 5000,
        b'{"a":' * 2000,
        b'{"max_bytes": NaN}',
        b'{"max_bytes": -Infinity}',
        b'{"max_bytes": 1e400}',
        '{"display_name": "a"}'.encode("utf-16"),
        b'{"display_name": "\xed\xa0\x80"}',
    ],
    ids=[
        "cut off",
        "list",
        "text",
        "bytes",
        "null",
        "deep",
        "long number",
        "deep objects",
        "not a number",
        "infinite",
        "too large a number",
        "UTF-16",
        "surrogate",
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(
    http: httpx.AsyncClient, body: bytes
) -> None:
    response = await http.post("/api/v1/projects", content=body)
    assert response.status_code == 400
    assert set(violations(response)) == {"body"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (r'{"display_name": "\ud800"}', "role.display_name"),
        (r'{"grants": [{}, {"permission": "a\uDFFFb"}]}', "role.grants[1].permission"),
        (r'{"\ud800": "\ud800"}', "role"),
    ],
)
async def test_half_a_surrogate_pair_is_refused_where_it_is(
    http: httpx.AsyncClient, backend: Backend, body: str, field: str
) -> None:
    response = await http.post("/api/v1/roles", content=body)
    assert response.status_code == 400
    assert violations(response) == {field: "must be Unicode"}
    assert not backend.calls


async def test_a_surrogate_pair_is_a_character(http: httpx.AsyncClient, backend: Backend) -> None:
    await http.post("/api/v1/roles", content=rb'{"display_name": "\ud83d\udc36"}')
    assert backend.calls["CreateRole"].request.role.display_name == "\N{DOG FACE}"


async def test_a_body_where_none_is_taken_is_refused(http: httpx.AsyncClient) -> None:
    response = await http.request("GET", "/api/v1/projects", json={"page_size": 1})
    assert violations(response) == {"body": "must be empty: this operation takes none"}


async def test_a_body_of_another_type_is_refused(http: httpx.AsyncClient) -> None:
    response = await http.post(
        "/api/v1/projects", content=b"<a/>", headers={"content-type": "application/xml"}
    )
    assert response.status_code == 415
    assert response.json()["detail"] == "the body must be application/json"


async def test_a_body_that_is_too_large_is_refused(http: httpx.AsyncClient) -> None:
    response = await http.post("/api/v1/projects", json={"display_name": "x" * 1_100_000})
    assert response.status_code == 413
    assert response.json()["reason"] == "LIMIT_BYTES"
    assert response.json()["metadata"] == {"limit": "1048576"}


async def test_lists_and_their_tokens_are_passed_on(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    page = ListProjectsResponse(projects=[Project(id="prj_1")], next_page_token="more")
    backend.answer("ListProjects", page)
    answer = (await http.get("/api/v1/projects?page_token=abc")).json()
    assert backend.calls["ListProjects"].request.page_token == "abc"
    assert [project["id"] for project in answer["projects"]] == ["prj_1"]
    assert answer["next_page_token"] == "more"
