"""The OpenAPI document: valid, whole, and of use to somebody who reads nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from picstore_gateway import openapi
from picstore_gateway.app import public_routes


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document(public_routes(), version="1.2.3")


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
    assert {(route.template, route.verb.lower()) for route in routes} == {
        (path, verb) for path, verb, _ in operations(document)
    }
    assert len(routes) == sum(1 for _ in operations(document))


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
        assert {"400", "401", "default"} <= responses.keys(), (verb, path)
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


def test_what_a_service_sets_is_read_only(document: dict[str, Any]) -> None:
    project = document["components"]["schemas"]["Project"]["properties"]
    assert project["id"]["readOnly"]
    assert "readOnly" not in project["display_name"]
    assert project["max_bytes"]["type"] == "string"
