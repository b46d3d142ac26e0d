"""A person with a browser: invited, setting a password, logging in, working, logging out."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.stack import LiveStack

PASSWORD = "violet kettle marches home"
EMAIL = "browser@demo.example"


@pytest.fixture
def browser(stack: LiveStack) -> Iterator[httpx.Client]:
    """Without a key. Cookies are put in by hand: real browsers send Secure ones to loopback."""
    with httpx.Client(base_url=stack.gateway, timeout=60, trust_env=False) as client:
        yield client


def invite(stack: LiveStack) -> str:
    """Make a user who may do what the demo's administrator may; return the page of the link."""
    with stack.http() as admin:
        roles = admin.get("/api/v1/roles").json()["roles"]
        user = {"email": EMAIL, "display_name": "B.", "role_ids": [role["id"] for role in roles]}
        made = admin.post("/api/v1/users", json=user)
        assert made.status_code == 201, made.text
        invited = admin.post(f"/api/v1/users/{made.json()['id']}/invitations", json={})
        assert invited.status_code == 201, invited.text
        return str(invited.json()["path"])


def test_from_an_invitation_to_logging_out(stack: LiveStack, browser: httpx.Client) -> None:
    page, _, token = invite(stack).partition("#")
    assert browser.get(page).status_code == 200
    accepted = browser.post(
        "/api/v1/invitations:accept", json={"token": token, "password": PASSWORD}
    )
    assert accepted.status_code == 200, accepted.text

    begun = browser.post("/session", json={"email": EMAIL, "password": PASSWORD, "team": "demo"})
    assert begun.status_code == 201, begun.text
    cookie = begun.headers["set-cookie"].partition(";")[0]
    # The jar of the client keeps it to itself, because the gateway is spoken to without TLS.
    by_cookie = {"cookie": cookie}
    assert browser.get("/api/v1/me").status_code == 401
    me = browser.get("/api/v1/me", headers=by_cookie)
    assert me.json()["user_id"] == accepted.json()["id"]
    assert begun.json()["session"]["client_address"] == "127.0.0.1"

    project = {"short_name": "browsers", "display_name": "Of browsers"}
    refused = browser.post("/api/v1/projects", json=project, headers=by_cookie)
    assert (refused.status_code, refused.json()["reason"]) == (403, "CSRF_TOKEN_INVALID")
    with_token = {**by_cookie, "x-csrf-token": begun.json()["csrf_token"]}
    made = browser.post("/api/v1/projects", json=project, headers=with_token)
    assert made.status_code == 201, made.text
    events = f"{made.headers['location']}/events"
    with browser.stream("GET", events, headers=by_cookie) as watched:
        assert watched.headers["content-type"].startswith("text/event-stream")
        assert next(watched.iter_lines()).startswith("retry: ")
    gone = browser.delete(made.headers["location"], headers=with_token)
    assert gone.status_code == 204, gone.text

    assert browser.delete("/session", headers=with_token).status_code == 204
    stale = browser.get("/api/v1/me", headers=by_cookie)
    assert stale.status_code == 401
    assert stale.headers["content-type"] == "application/problem+json"
    assert "max-age=0" in stale.headers["set-cookie"].lower()
