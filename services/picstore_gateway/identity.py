"""Who makes a request: by the `Authorization` header, or else by the cookie of a session."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from picstore_gateway import cookies, csrf
from picstore_gateway.backends import credential
from picstore_gateway.problems import problem
from picstore_kit.errors import Reason, Unauthenticated

SESSION_PATH: Final = "/session"
"""The browser's own session."""

_AUTHORIZATION: Final = re.compile(r"bearer +(?P<credential>[!-~]{1,4096}) *", re.IGNORECASE)


class Identity:
    """Finds the credential that is passed on, and has stale cookies dropped."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            Unauthenticated: The credential is not good.
            PermissionDenied: Another page has made the browser send its cookie.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        token = credential.set(_credential(request))
        try:
            await self._app(scope, receive, send)
        except Unauthenticated as error:
            # A wrong password says nothing against the session.
            if error.reason is Reason.LOGIN_FAILED or not cookies.came_with(request):
                raise
            response = problem(error)
            cookies.forget(response)
            await response(scope, receive, send)
        finally:
            credential.reset(token)


def _credential(request: Request) -> str | None:
    """Return the credential, if there is one.

    Raises:
        Unauthenticated: There is an Authorization header of another form.
        PermissionDenied: There is a cookie, but it may not have been a page of ours that asked.
    """
    authorization = request.headers.get("authorization")
    if authorization is not None:
        return _bearer(authorization)
    # To log in, it does not matter who was logged in before.
    if (request.method, request.scope["path"]) == ("POST", SESSION_PATH):
        return None
    session = cookies.session_in(request)
    if session is None:
        return None
    csrf.require_token(request, session)
    return session.text


def _bearer(authorization: str) -> str:
    match = _AUTHORIZATION.fullmatch(authorization)
    if match is None:
        raise Unauthenticated(
            Reason.CREDENTIAL_INVALID, "send the API key as `Authorization: Bearer ps_…`"
        )
    return match["credential"]
