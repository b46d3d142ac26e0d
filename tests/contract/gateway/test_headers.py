"""Header fields that stand for fields of the contract."""

from __future__ import annotations

import httpx
import pytest

from picstore.catalog.v1.project_pb2 import Project
from tests.contract.gateway.backend import Backend


async def test_the_etag_of_an_object_is_a_header_too(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    backend.answer("GetProject", Project(id="prj_1", etag="7"))
    response = await http.get("/api/v1/projects/prj_1")
    assert response.headers["etag"] == '"7"'
    assert response.json()["etag"] == "7"


async def test_what_has_no_etag_has_no_such_header(http: httpx.AsyncClient) -> None:
    assert "etag" not in (await http.get("/api/v1/projects")).headers


@pytest.mark.parametrize(
    ("verb", "path", "method"),
    [
        ("DELETE", "/api/v1/projects/prj_1", "DeleteProject"),
        ("POST", "/api/v1/conversion_profiles/cpr_1:rollback", "RollbackConversionProfile"),
    ],
)
async def test_if_match_is_the_etag_of_the_request(
    http: httpx.AsyncClient, backend: Backend, verb: str, path: str, method: str
) -> None:
    response = await http.request(verb, path, headers={"if-match": '"7"'})
    assert response.is_success
    assert backend.calls[method].request.etag == "7"


async def test_if_match_is_the_etag_of_the_object_that_is_updated(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    await http.patch(
        "/api/v1/projects/prj_1", json={"display_name": "X"}, headers={"if-match": '"7"'}
    )
    assert backend.calls["UpdateProject"].request.project.etag == "7"


@pytest.mark.parametrize("text", ["*", "", '"7"'])
async def test_if_match_may_agree_with_the_body(
    http: httpx.AsyncClient, backend: Backend, text: str
) -> None:
    await http.patch("/api/v1/projects/prj_1", json={"etag": "7"}, headers={"if-match": text})
    assert backend.calls["UpdateProject"].request.project.etag == "7"


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("7", "must be one etag in quotes, or *"),
        ('"6", "7"', "must be one etag in quotes, or *"),
        ('"8"', "must be the etag that the request has elsewhere"),
    ],
)
async def test_if_match_that_cannot_be_meant_is_refused(
    http: httpx.AsyncClient, backend: Backend, text: str, description: str
) -> None:
    response = await http.patch(
        "/api/v1/projects/prj_1", json={"etag": "7"}, headers={"if-match": text}
    )
    assert response.status_code == 400
    assert response.json()["violations"] == [{"field": "if-match", "description": description}]
    assert not backend.calls


async def test_a_weak_etag_matches_nothing(http: httpx.AsyncClient, backend: Backend) -> None:
    response = await http.delete("/api/v1/projects/prj_1", headers={"if-match": 'W/"7"'})
    assert (response.status_code, response.json()["reason"]) == (412, "ETAG_MISMATCH")
    assert not backend.calls


async def test_if_match_is_not_overlooked_where_there_is_no_etag(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    response = await http.post("/api/v1/api_keys/key_1:revoke", headers={"if-match": '"7"'})
    assert response.status_code == 400
    assert not backend.calls


async def test_an_idempotency_key_is_the_request_id(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    key = {"idempotency-key": "6f9c"}
    await http.post("/api/v1/projects", json={"short_name": "web"}, headers=key)
    assert backend.calls["CreateProject"].request.request_id == "6f9c"
    await http.post("/api/v1/users/usr_1/invitations", json={}, headers=key)
    assert backend.calls["CreateInvitation"].request.request_id == "6f9c"


async def test_what_the_request_says_goes_before_the_idempotency_key(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    await http.post(
        "/api/v1/projects?request_id=query", json={}, headers={"idempotency-key": "header"}
    )
    assert backend.calls["CreateProject"].request.request_id == "query"


async def test_an_idempotency_key_does_no_harm_where_there_is_no_request_id(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    headers = {"idempotency-key": "6f9c"}
    assert (await http.get("/api/v1/projects", headers=headers)).status_code == 200
