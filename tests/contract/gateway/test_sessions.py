"""Browsers: the cookie, what it may do, and what other pages cannot do with it."""

from __future__ import annotations

from http.cookies import Morsel, SimpleCookie

import httpx
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from structlog.testing import capture_logs

from picstore.auth.v1 import authentication_pb2, session_pb2
from picstore_gateway.cookies import NAME
from picstore_kit.credentials import new_api_key, new_session_secret
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.ids import KeyId, SessionId, new_id
from tests.contract.gateway.backend import Backend

CREDENTIAL = new_session_secret(new_id(SessionId)).text
COOKIE = {"cookie": f"theme=dark; {NAME}={CREDENTIAL}"}
LOGIN = {"team": "demo", "email": "ann@example.com", "password": "correct horse battery"}
UNSAFE = [
    ("POST", "/api/v1/projects"),
    ("PATCH", "/api/v1/projects/prj_1"),
    ("DELETE", "/api/v1/projects/prj_1"),
    ("POST", "/api/v1/projects/prj_1/quick_upload"),
    ("PUT", "/api/v1/projects/prj_1"),
    ("DELETE", "/session"),
]
EXPIRED = Unauthenticated(Reason.CREDENTIAL_EXPIRED, "the session has ended")


@pytest.fixture(autouse=True)
def answers(backend: Backend) -> None:
    session = session_pb2.Session(
        id="ses_1", create_time=Timestamp(seconds=1000), expire_time=Timestamp(seconds=4600)
    )
    backend.answer("Login", session_pb2.LoginResponse(session=session, credential=CREDENTIAL))
    backend.answer("GetPrincipal", authentication_pb2.Principal(user_id="usr_1"))


def cookie_of(response: httpx.Response) -> Morsel[str]:
    (header,) = response.headers.get_list("set-cookie")
    return SimpleCookie(header)[NAME]


def is_forgotten(response: httpx.Response) -> bool:
    cookie = cookie_of(response)
    attributes = (cookie["path"], cookie["secure"], cookie["domain"])
    return (cookie.value, cookie["max-age"]) == ("", "0") and attributes == ("/", True, "")


async def csrf_token(http: httpx.AsyncClient) -> str:
    return str((await http.get("/session", headers=COOKIE)).json()["csrf_token"])


async def test_logging_in_sets_a_cookie_that_only_this_host_gets(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    response = await http.post("/session", json=LOGIN)
    assert response.status_code == 201
    cookie = cookie_of(response)
    assert cookie.value == CREDENTIAL
    assert (cookie["path"], cookie["domain"], cookie["max-age"]) == ("/", "", "3600")
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "lax")
    request = backend.calls["Login"].request
    assert (request.team, request.email) == ("demo", "ann@example.com")
    assert request.password == LOGIN["password"]


async def test_logging_in_shows_the_session_but_never_its_credential(
    http: httpx.AsyncClient,
) -> None:
    with capture_logs() as lines:
        response = await http.post("/session", json=LOGIN)
    assert response.json()["session"]["id"] == "ses_1"
    assert response.json()["csrf_token"] == await csrf_token(http)
    assert CREDENTIAL not in response.text
    assert CREDENTIAL not in str(lines)
    assert response.headers["cache-control"] == "no-store"


async def test_logging_in_does_not_need_who_was_logged_in_before(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    assert (await http.post("/session", json=LOGIN, headers=COOKIE)).status_code == 201
    assert "authorization" not in backend.calls["Login"].metadata


async def test_a_wrong_password_sets_no_cookie(http: httpx.AsyncClient, backend: Backend) -> None:
    backend.answer("Login", Unauthenticated(Reason.LOGIN_FAILED, "wrong"))
    response = await http.post("/session", json=LOGIN, headers=COOKIE)
    assert (response.status_code, response.json()["reason"]) == (401, "LOGIN_FAILED")
    assert "set-cookie" not in response.headers


async def test_a_form_cannot_log_in(http: httpx.AsyncClient, backend: Backend) -> None:
    response = await http.post("/session", data=LOGIN)
    assert response.status_code == 415
    assert not backend.calls


async def test_a_field_that_logging_in_does_not_know_is_refused(http: httpx.AsyncClient) -> None:
    response = await http.post("/session", json={**LOGIN, "remember": True})
    assert response.status_code == 400
    assert response.json()["reason"] == "FIELD_INVALID"


async def test_the_cookie_is_the_credential(http: httpx.AsyncClient, backend: Backend) -> None:
    response = await http.get("/api/v1/me", headers=COOKIE)
    assert response.status_code == 200
    assert backend.calls["GetPrincipal"].metadata["authorization"] == f"Bearer {CREDENTIAL}"


async def test_the_session_tells_who_is_logged_in(http: httpx.AsyncClient) -> None:
    response = await http.get("/session", headers=COOKIE)
    assert response.json()["principal"]["user_id"] == "usr_1"
    assert len(response.json()["csrf_token"]) == 64
    assert response.json()["csrf_token"] not in CREDENTIAL


@pytest.mark.parametrize(("verb", "path"), UNSAFE)
async def test_what_changes_something_needs_the_token(
    http: httpx.AsyncClient, backend: Backend, verb: str, path: str
) -> None:
    other = new_session_secret(new_id(SessionId)).text
    wrong = await http.get("/session", headers={"cookie": f"{NAME}={other}"})
    backend.calls.clear()
    for token in (None, "", "x", "é", wrong.json()["csrf_token"]):
        sent = {} if token is None else {"x-csrf-token": token}
        headers = httpx.Headers({**COOKIE, **sent}, encoding="utf-8")
        response = await http.request(verb, path, headers=headers)
        assert response.status_code == 403
        assert response.json()["reason"] == "CSRF_TOKEN_INVALID"
        assert response.json()["metadata"] == {"header": "X-CSRF-Token"}
    assert not backend.calls


async def test_the_token_lets_a_change_through(http: httpx.AsyncClient, backend: Backend) -> None:
    headers = {**COOKIE, "x-csrf-token": await csrf_token(http), "sec-fetch-site": "same-origin"}
    headers["origin"] = str(http.base_url).rstrip("/")
    response = await http.post("/api/v1/projects", json={}, headers=headers)
    assert response.status_code == 201
    assert backend.calls["CreateProject"].metadata["authorization"] == f"Bearer {CREDENTIAL}"
    upload = await http.post("/api/v1/projects/p/quick_upload", content=b"x", headers=headers)
    assert upload.status_code == 201


OTHER_PAGES = [
    ("origin", "https://evil.example"),
    ("origin", "null"),
    ("origin", "http://127.0.0.1:1"),
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-site", "same-site"),
]


@pytest.mark.parametrize(("name", "value"), OTHER_PAGES)
async def test_another_page_changes_nothing_even_with_the_token(
    http: httpx.AsyncClient, backend: Backend, name: str, value: str
) -> None:
    headers = {**COOKIE, "x-csrf-token": await csrf_token(http), name: value}
    response = await http.post("/api/v1/projects", json={}, headers=headers)
    assert (response.status_code, response.json()["reason"]) == (403, "CSRF_TOKEN_INVALID")
    assert response.json()["metadata"]["header"].lower() == name
    assert "CreateProject" not in backend.calls


@pytest.mark.parametrize(("name", "value"), OTHER_PAGES)
async def test_another_page_logs_nobody_in(
    http: httpx.AsyncClient, backend: Backend, name: str, value: str
) -> None:
    response = await http.post("/session", json=LOGIN, headers={name: value})
    assert (response.status_code, response.json()["reason"]) == (403, "CSRF_TOKEN_INVALID")
    assert not backend.calls


async def test_an_authorization_header_goes_before_the_cookie_and_needs_no_token(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    headers = {**COOKIE, "authorization": "Bearer ps_abc"}
    assert (await http.post("/api/v1/projects", json={}, headers=headers)).status_code == 201
    assert backend.calls["CreateProject"].metadata["authorization"] == "Bearer ps_abc"
    assert "csrf_token" not in (await http.get("/session", headers=headers)).json()


@pytest.mark.parametrize("reason", ["CREDENTIAL_INVALID", "CREDENTIAL_EXPIRED"])
async def test_a_stale_cookie_is_forgotten(
    http: httpx.AsyncClient, backend: Backend, reason: str
) -> None:
    backend.answer("GetPrincipal", Unauthenticated(Reason(reason), "no"))
    for path in ("/session", "/api/v1/me"):
        response = await http.get(path, headers=COOKIE)
        assert (response.status_code, response.json()["reason"]) == (401, reason)
        assert response.headers["content-type"] == "application/problem+json"
        assert is_forgotten(response)


@pytest.mark.parametrize(
    "value",
    ["", "x", "pss_", CREDENTIAL[:-1], f'"{CREDENTIAL}x"', "é", new_api_key(new_id(KeyId)).text],
    ids=["empty", "short", "prefix", "cut off", "quoted", "no ASCII", "a key"],
)
async def test_what_cannot_be_a_session_is_nobody_and_forgotten(
    http: httpx.AsyncClient, backend: Backend, value: str
) -> None:
    backend.answer("GetPrincipal", Unauthenticated(Reason.CREDENTIAL_MISSING, "who are you?"))
    headers = [(b"cookie", f"{NAME}={value}".encode())]
    response = await http.get("/api/v1/me", headers=headers)
    assert response.status_code == 401
    assert is_forgotten(response)
    assert "authorization" not in backend.calls["GetPrincipal"].metadata
    assert (await http.get("/docs", headers=headers)).status_code == 200


async def test_a_wrong_password_within_a_session_does_not_end_it(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    headers = {**COOKIE, "x-csrf-token": await csrf_token(http)}
    backend.answer("ChangePassword", Unauthenticated(Reason.LOGIN_FAILED, "wrong"))
    response = await http.post("/api/v1/me:changePassword", json={}, headers=headers)
    assert response.status_code == 401
    assert "set-cookie" not in response.headers


async def test_a_stale_credential_of_a_header_leaves_the_cookie_alone(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    backend.answer("GetPrincipal", EXPIRED)
    headers = {**COOKIE, "authorization": "Bearer ps_abc"}
    response = await http.get("/api/v1/me", headers=headers)
    assert response.status_code == 401
    assert "set-cookie" not in response.headers


async def test_logging_out_ends_the_session_and_forgets_the_cookie(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    headers = {**COOKIE, "x-csrf-token": await csrf_token(http)}
    response = await http.delete("/session", headers=headers)
    assert (response.status_code, response.content) == (204, b"")
    assert is_forgotten(response)
    assert backend.calls["Logout"].metadata["authorization"] == f"Bearer {CREDENTIAL}"
