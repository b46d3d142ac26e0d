"""The OpenAPI document: valid, whole, and of use to somebody who reads nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from picstore_gateway import openapi
from picstore_gateway.app import public_routes
from picstore_kit.ids import KeyId, UserId, new_id


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document(public_routes(), version="1.2.3")


PUBLIC = ("/api/v1/sessions:login", "/api/v1/invitations:accept")


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    OpenAPIV30SpecValidator(document).validate()


async def test_the_document_is_served(http: httpx.AsyncClient, document: dict[str, Any]) -> None:
    response = await http.get("/openapi.json")
    assert response.headers["content-type"] == "application/json"
    assert response.json() == document


def test_every_route_is_in_it(document: dict[str, Any]) -> None:
    routes = public_routes()
    described = {(path, verb) for path, verb, _ in operations(document)}
    in_contract = {(route.template, route.verb.lower()) for route in routes}
    assert len(routes) == len(in_contract)
    assert described - in_contract == {("/session", verb) for verb in ("post", "get", "delete")}
    assert in_contract <= described


def test_every_operation_has_a_short_summary_and_its_own_name(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for path, verb, operation in operations(document):
        assert 5 < len(operation["summary"]) <= 120, (verb, path)
        assert "\n" not in operation["summary"]
        assert operation["description"].startswith(operation["summary"].split()[0])


def test_everything_is_described(document: dict[str, Any]) -> None:
    for path, verb, operation in operations(document):
        for parameter in operation["parameters"]:
            assert parameter["description"], (verb, path, parameter["name"])
    for name, schema in document["components"]["schemas"].items():
        assert schema["description"], name
        for field, text in schema.get("properties", {}).items():
            assert "$ref" in text or text["description"], (name, field)


def test_every_path_variable_is_a_parameter(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        variables = {part[1:].partition("}")[0] for part in path.split("/") if part[:1] == "{"}
        in_path = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert in_path == variables, path


def test_errors_are_documented(document: dict[str, Any]) -> None:
    for path, verb, operation in operations(document):
        responses = operation["responses"]
        assert {"400", "401", "429", "500", "503"} <= responses.keys(), (verb, path)
        if "{" in path:
            assert "404" in responses, (verb, path)
    problem = document["components"]["schemas"]["Problem"]
    assert set(problem["required"]) <= problem["properties"].keys()


def test_an_upload_tells_of_its_bodies_and_errors(document: dict[str, Any]) -> None:
    upload = document["paths"]["/api/v1/projects/{project_id}/quick_upload"]["post"]
    assert {"201", "408", "413", "415", "422"} <= upload["responses"].keys()
    assert {"image/*", "multipart/form-data"} <= upload["requestBody"]["content"].keys()
    names = {parameter["name"] for parameter in upload["parameters"]}
    assert names == {
        *("project_id", "upload_profile", "filename", "alt_text", "location"),
        "Content-Digest",
    }


def test_what_a_service_sets_is_read_only_and_in_no_request(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    project = schemas["Project"]["properties"]
    assert project["id"]["readOnly"]
    assert "readOnly" not in project["display_name"]
    assert project["max_bytes"]["type"] == "string"
    for request in ("ProjectInput", "ProjectChanges"):
        assert "display_name" in schemas[request]["properties"]
        assert "id" not in schemas[request]["properties"]
        assert not schemas[request]["additionalProperties"]


def test_a_secret_is_in_requests_only(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["S3ProviderInput"]["properties"]["secret_access_key"]["writeOnly"]
    assert "secret_access_key" not in schemas["S3Provider"]["properties"]


def test_an_update_needs_only_what_it_changes(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert "short_name" in schemas["StorageLocationInput"]["required"]
    assert "bucket" in schemas["S3ProviderInput"]["required"]
    assert "required" not in schemas["StorageLocationChanges"]
    assert "required" not in schemas["S3ProviderChanges"]
    # What is fixed from the beginning is no part of a change.
    assert "project_id" in schemas["StorageLocationInput"]["properties"]
    assert "project_id" not in schemas["StorageLocationChanges"]["properties"]


def test_what_the_path_says_is_not_in_the_body(document: dict[str, Any]) -> None:
    revoke = document["components"]["schemas"]["RevokeSessionRequest"]
    assert revoke["properties"] == {}


def test_ids_have_the_form_of_their_kind(document: dict[str, Any]) -> None:
    (parameter,) = document["paths"]["/api/v1/api_keys/{api_key_id}"]["get"]["parameters"]
    assert re.fullmatch(parameter["schema"]["pattern"], new_id(KeyId))
    assert re.fullmatch(parameter["schema"]["pattern"], parameter["schema"]["example"])
    assert not re.fullmatch(parameter["schema"]["pattern"], new_id(UserId))


@pytest.mark.parametrize(
    ("verb", "path", "statuses"),
    [
        ("get", "/api/v1/me", {"200", "401"}),
        ("post", "/api/v1/users", {"201", "403", "404", "409", "413", "415"}),
        ("patch", "/api/v1/users/{user_id}", {"200", "404", "409", "412"}),
        ("delete", "/api/v1/users/{user_id}", {"204", "404", "409", "412"}),
        ("get", "/api/v1/images/{image_id}/picture", {"200", "404", "409"}),
        ("post", "/api/v1/sessions:login", {"200", "401", "429"}),
    ],
)
def test_the_statuses_of_an_operation_are_told(
    document: dict[str, Any], verb: str, path: str, statuses: set[str]
) -> None:
    told = document["paths"][path][verb]["responses"].keys()
    assert statuses <= told
    assert "default" not in told
    succeeds = {status for status in told if status < "300"}
    assert len(succeeds) == 1


def test_nothing_is_deleted_with_an_answer(document: dict[str, Any]) -> None:
    deleted = document["paths"]["/api/v1/users/{user_id}"]["delete"]["responses"]["204"]
    assert "content" not in deleted


def test_a_caller_has_a_key_or_a_session(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert document["security"] == [{"key": []}, {"cookie": [], "csrf": []}]
    assert schemes["cookie"]["name"] == "__Host-picstore"
    for path, verb, operation in operations(document):
        if path in PUBLIC or (path, verb) == ("/session", "post"):
            assert operation["security"] == []
        elif verb == "get":  # reads need no token
            assert operation["security"] == [{"key": []}, {"cookie": []}]
        else:
            assert "security" not in operation


def test_a_stream_tells_of_its_events(document: dict[str, Any]) -> None:
    watch = document["paths"]["/api/v1/images/{image_id}/events"]["get"]
    assert watch["responses"]["200"]["content"].keys() == {"text/event-stream"}
    schema = watch["responses"]["200"]["content"]["text/event-stream"]["schema"]
    assert "WatchImagesResponse in JSON" in schema["description"]
    assert schema["x-data"] == {"$ref": "#/components/schemas/WatchImagesResponse"}
    assert "output" in document["components"]["schemas"]["WatchImagesResponse"]["properties"]
    assert {"400", "401", "403", "404", "429"} <= watch["responses"].keys()


def test_a_duration_is_a_parameter(document: dict[str, Any]) -> None:
    get = document["paths"]["/api/v1/images/{image_id}"]["get"]
    (wait,) = (one for one in get["parameters"] if one["name"] == "wait")
    assert re.fullmatch(wait["schema"]["pattern"], "1.5s")
    assert not wait["required"]
