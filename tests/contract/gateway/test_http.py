"""What HTTP itself asks of the gateway: verbs, errors, headers, ids."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from picstore.catalog.v1.image_pb2 import Image
from picstore_kit.errors import (
    Aborted,
    FailedPrecondition,
    FieldViolation,
    InvalidFields,
    NotFound,
    PermissionDenied,
    PicstoreError,
    Reason,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from tests.contract.gateway.backend import Backend

PATHS = [
    "/",
    "/login",
    "/invitation",
    "/session",
    "/docs",
    "/docs/start.js",
    "/openapi.json",
    "/healthz",
    "/api/v1/projects",
]


async def raw(address: str, request: bytes) -> tuple[bytes, bytes]:
    """Send bytes and return the head and the body of what comes back until the end."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


async def test_an_unknown_path_is_a_problem(http: httpx.AsyncClient) -> None:
    response = await http.get("/api/v1/nothing")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["reason"] == "METHOD_UNKNOWN"
    assert response.json()["metadata"] == {"path": "/api/v1/nothing"}


async def test_a_path_with_a_slash_too_many_is_another_path(http: httpx.AsyncClient) -> None:
    assert (await http.get("/api/v1/projects/")).status_code == 404


async def test_a_missing_asset_is_a_problem(http: httpx.AsyncClient) -> None:
    response = await http.get("/docs/assets/nothing.js")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("verb", "path", "allow"),
    [
        ("DELETE", "/api/v1/projects", "GET, HEAD, OPTIONS, POST"),
        ("PUT", "/api/v1/projects/prj_1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("GET", "/api/v1/projects/prj_1/quick_upload", "OPTIONS, POST"),
        ("GET", "/api/v1/api_keys/key_1:revoke", "OPTIONS, POST"),
        ("POST", "/healthz", "GET, HEAD, OPTIONS"),
        ("POST", "/docs", "GET, HEAD, OPTIONS"),
        ("POST", "/docs/assets/swagger-ui.css", "GET, HEAD"),
        ("BREW", "/api/v1/projects", "GET, HEAD, OPTIONS, POST"),
    ],
)
async def test_a_verb_that_a_path_does_not_know_is_told_those_that_it_knows(
    http: httpx.AsyncClient, verb: str, path: str, allow: str
) -> None:
    response = await http.request(verb, path)
    assert response.status_code == 405
    assert response.headers["allow"] == allow
    assert response.json()["reason"] == "METHOD_UNKNOWN"
    assert response.json()["status"] == 405


async def test_options_says_what_a_path_knows(http: httpx.AsyncClient, backend: Backend) -> None:
    response = await http.options("/api/v1/images/img_1")
    assert response.status_code == 204
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, PATCH"
    assert not backend.calls


async def test_head_is_get_without_the_body(http: httpx.AsyncClient, backend: Backend) -> None:
    backend.answer("GetImage", Image(id="img_1"))
    got = await http.get("/api/v1/images/img_1")
    response = await http.head("/api/v1/images/img_1")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(got.content))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound.of("Image", "img_1"), 404),
        (PermissionDenied.missing("image:read"), 403),
        (Unauthenticated(Reason.CREDENTIAL_INVALID, "no"), 401),
        (Aborted(Reason.ETAG_MISMATCH, "changed"), 412),
        (FailedPrecondition(Reason.STATE_WRONG, "not now"), 409),
        (ResourceExhausted(Reason.OVERLOADED, "later", retry_after=2.1), 429),
        (Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "gone", metadata={"a": "b"}), 503),
        (InvalidFields([FieldViolation(field="a", description="must be b")]), 400),
    ],
    ids=lambda value: value.reason.value if isinstance(value, PicstoreError) else None,
)
async def test_an_error_of_a_service_is_told_whole(
    http: httpx.AsyncClient, backend: Backend, error: PicstoreError, status: int
) -> None:
    # An update, which nothing repeats.
    backend.answer("UpdateImage", error)
    response = await http.patch("/api/v1/images/img_1", json={"alt_text": "A dog"})
    body = response.json()
    assert response.status_code == body["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert body["detail"] == error.message
    assert body["code"] == error.code.name
    assert body["reason"] == error.reason.value
    assert body["metadata"] == error.metadata
    assert body["type"] == f"urn:picstore:error:{error.reason.value}"
    assert body["request_id"] == response.headers["x-request-id"]
    told = [(v["field"], v["description"]) for v in body.get("violations", [])]
    assert told == [(v.field, v.description) for v in error.violations]
    assert body.get("resource") == (
        {"type": error.resource.type, "name": error.resource.name} if error.resource else None
    )


async def test_what_may_succeed_later_says_when(http: httpx.AsyncClient, backend: Backend) -> None:
    backend.answer("UpdateImage", ResourceExhausted(Reason.OVERLOADED, "later", retry_after=2.1))
    response = await http.patch("/api/v1/images/img_1", json={})
    assert response.headers["retry-after"] == "3"


async def test_a_missing_credential_is_asked_for(http: httpx.AsyncClient, backend: Backend) -> None:
    backend.answer("GetImage", Unauthenticated(Reason.CREDENTIAL_MISSING, "who are you?"))
    response = await http.get("/api/v1/images/img_1")
    assert response.headers["www-authenticate"] == 'Bearer realm="picstore"'


async def test_a_credential_is_passed_on_as_it_came(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    await http.get("/api/v1/me", headers={"authorization": "bearer ps_abc"})
    assert backend.calls["GetPrincipal"].metadata["authorization"] == "Bearer ps_abc"


async def test_a_credential_is_not_kept_for_the_next_request(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    await http.get("/api/v1/me", headers={"authorization": "Bearer ps_abc"})
    await http.get("/api/v1/me")
    assert "authorization" not in backend.calls["GetPrincipal"].metadata


@pytest.mark.parametrize(
    "header",
    [
        b"Basic dTpw",
        b"Bearer",
        b"Bearer a b",
        b"Bearer \xc3\xbc",
        b"Bearer " + b"x" * 5000,
    ],
)
async def test_a_credential_of_another_form_is_refused(
    http: httpx.AsyncClient, backend: Backend, header: bytes
) -> None:
    response = await http.get("/api/v1/me", headers=[(b"authorization", header)])
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="picstore", error="invalid_token"'
    assert response.json()["reason"] == "CREDENTIAL_INVALID"
    assert not backend.calls


async def test_a_request_id_goes_through_and_comes_back(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    response = await http.get("/api/v1/me", headers={"x-request-id": "abc-1"})
    assert response.headers["x-request-id"] == "abc-1"
    assert backend.calls["GetPrincipal"].metadata["x-request-id"] == "abc-1"


async def test_a_request_id_that_would_spoil_the_log_is_replaced(http: httpx.AsyncClient) -> None:
    response = await http.get("/healthz", headers={"x-request-id": "a b\tc"})
    assert response.headers["x-request-id"] not in ("", "a b\tc")


async def test_the_trace_goes_through(http: httpx.AsyncClient, backend: Backend) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await http.get("/api/v1/me", headers={"traceparent": trace})
    assert backend.calls["GetPrincipal"].metadata["traceparent"] == trace


@pytest.mark.parametrize("path", [*PATHS, "/nothing", "/docs/assets/swagger-ui.css"])
async def test_every_answer_has_the_security_headers(http: httpx.AsyncClient, path: str) -> None:
    headers = (await http.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"].partition("style-src")[0]
    assert headers["cache-control"]
    assert "server" not in headers


async def test_the_documentation_loads_nothing_from_elsewhere(http: httpx.AsyncClient) -> None:
    page = (await http.get("/docs")).text
    assert "//" not in page
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
        assert f"/docs/assets/{asset}" in page
        assert (await http.get(f"/docs/assets/{asset}")).status_code == 200


async def test_assets_are_asked_for_but_not_sent_again(http: httpx.AsyncClient) -> None:
    first = await http.get("/docs/assets/swagger-ui.css")
    assert first.headers["cache-control"] == "no-cache"
    again = await http.get(
        "/docs/assets/swagger-ui.css", headers={"if-none-match": first.headers["etag"]}
    )
    assert again.status_code == 304


async def test_home_is_the_documentation(http: httpx.AsyncClient) -> None:
    response = await http.get("/")
    assert (response.status_code, response.headers["location"]) == (307, "/docs")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + b"x" * 20_000, 431),
        (b"POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /api/v1/me HTTP/1.1\r\n\r\n", 400),
    ],
    ids=["no HTTP", "huge header", "negative length", "no host"],
)
async def test_what_is_no_http_is_a_problem_too(address: str, request_: bytes, status: int) -> None:
    head, body = await raw(address, request_)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == status
