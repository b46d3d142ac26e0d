"""Scripts of other origins: who may read answers, and that nobody comes by the cookie."""

from __future__ import annotations

import httpx
import pytest

from picstore.upload.v1.upload_pb2 import Upload
from picstore_gateway.settings import CORSSettings
from tests.contract.gateway.backend import Backend

OURS = "https://app.example"
PREFLIGHT = {
    "origin": OURS,
    "access-control-request-method": "PATCH",
    "access-control-request-headers": "authorization,tus-resumable,upload-offset,content-type",
}
ALLOWS = "access-control-allow-origin"


@pytest.fixture
def cors_origins(request: pytest.FixtureRequest) -> tuple[str, ...]:
    origins: tuple[str, ...] = getattr(request, "param", (OURS,))
    return origins


NOBODY = pytest.mark.parametrize("cors_origins", [()], indirect=True, ids=["nobody"])
ALL = pytest.mark.parametrize("cors_origins", [("*",)], indirect=True, ids=["all"])


@pytest.mark.parametrize("path", ["/files/", "/files/upl_1", "/api/v1/images/img_1"])
async def test_a_preflight_needs_no_credential(
    http: httpx.AsyncClient, backend: Backend, path: str
) -> None:
    response = await http.options(path, headers=PREFLIGHT)
    assert response.status_code == 200
    assert response.headers[ALLOWS] == OURS
    assert "PATCH" in response.headers["access-control-allow-methods"]
    allowed = response.headers["access-control-allow-headers"].lower()
    for name in PREFLIGHT["access-control-request-headers"].split(","):
        assert name in allowed
    assert "access-control-allow-credentials" not in response.headers
    assert not backend.calls


async def test_an_answer_may_be_read_with_its_headers(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    backend.answer("GetUpload", Upload(id="upl_1", state=Upload.STATE_OPEN, size_bytes=4))
    headers = {"origin": OURS, "tus-resumable": "1.0.0"}
    response = await http.head("/files/upl_1", headers=headers)
    assert response.status_code == 200
    assert response.headers[ALLOWS] == OURS
    exposed = response.headers["access-control-expose-headers"].lower().split(", ")
    told = {name for name in response.headers if name.startswith(("upload-", "tus-"))}
    assert told | {"location", "picstore-image", "etag", "retry-after"} <= set(exposed)


async def test_a_refusal_may_be_read(http: httpx.AsyncClient) -> None:
    response = await http.post("/files/", headers={"origin": OURS})
    assert response.status_code == 412
    assert response.headers[ALLOWS] == OURS
    response = await http.get("/api/v1/nothing", headers={"origin": OURS})
    assert response.status_code == 404
    assert response.headers[ALLOWS] == OURS


async def test_another_origin_is_told_nothing(http: httpx.AsyncClient) -> None:
    elsewhere = {**PREFLIGHT, "origin": "https://evil.example"}
    assert ALLOWS not in (await http.options("/files/", headers=elsewhere)).headers
    assert ALLOWS not in (await http.get("/api/v1/me", headers=elsewhere)).headers


@NOBODY
async def test_nobody_is_allowed_who_is_not_named(http: httpx.AsyncClient) -> None:
    response = await http.options("/files/", headers=PREFLIGHT)
    assert not [name for name in response.headers if name.startswith("access-control")]
    response = await http.get("/api/v1/me", headers={"origin": OURS})
    assert not [name for name in response.headers if name.startswith("access-control")]


@ALL
async def test_all_may_be_allowed_but_not_by_the_cookie(http: httpx.AsyncClient) -> None:
    response = await http.options("/files/", headers=PREFLIGHT)
    assert response.headers[ALLOWS] == "*"
    assert "access-control-allow-credentials" not in response.headers
    with_cookie = {"origin": OURS, "cookie": "__Host-picstore=x"}
    response = await http.get("/api/v1/me", headers=with_cookie)
    assert response.headers[ALLOWS] == "*"
    assert "access-control-allow-credentials" not in response.headers


@ALL
@pytest.mark.parametrize("path", ["/session", "/login", "/healthz"])
async def test_what_is_for_our_own_pages_is_for_no_other(
    http: httpx.AsyncClient, path: str
) -> None:
    response = await http.get(path, headers={"origin": OURS})
    assert ALLOWS not in response.headers


@pytest.mark.parametrize(
    "origin", ["https://app.example", "http://127.0.0.1:5173", "http://[::1]:80", "*"]
)
def test_an_origin_is_as_browsers_send_it(origin: str) -> None:
    assert CORSSettings(origins=(origin,)).origins == (origin,)


@pytest.mark.parametrize(
    "origin", ["app.example", "https://app.example/", "https://*.example", "HTTPS://A", "null", ""]
)
def test_what_no_browser_sends_is_no_origin(origin: str) -> None:
    with pytest.raises(ValueError, match="must be `https://host`"):
        CORSSettings(origins=(origin,))
