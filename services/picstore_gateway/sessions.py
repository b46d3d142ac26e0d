"""The browser's own session: `/session` logs in, tells who is logged in, and logs out.

Unlike `/api/v1/sessions:login` it never shows the credential, which goes into the cookie.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from picstore.auth.v1 import authentication_pb2, session_pb2
from picstore_gateway import cookies, csrf
from picstore_gateway.api import MEDIA_TYPE, body_of, media_type
from picstore_gateway.backends import Backends
from picstore_gateway.identity import SESSION_PATH
from picstore_gateway.resources import Resource
from picstore_gateway.routes import Route
from picstore_gateway.transcoding import fields_of, request_from
from picstore_kit.credentials import SessionSecret, parse_credential

_LOGIN: Final = "picstore.auth.v1.SessionService.Login"
_LOGOUT: Final = "picstore.auth.v1.SessionService.Logout"
_PRINCIPAL: Final = "picstore.auth.v1.AuthenticationService.GetPrincipal"


def session_endpoint(routes: Iterable[Route], backends: Backends) -> Endpoint:
    """Return the route of the session; of `routes` it calls the methods."""
    session = _Session({route.method.full_name: route for route in routes}, backends)
    return Endpoint(
        SESSION_PATH,
        Resource({"POST": session.begin, "GET": session.tell, "DELETE": session.end}),
    )


class _Session:
    def __init__(self, routes: dict[str, Route], backends: Backends) -> None:
        self._login = routes[_LOGIN]
        self._logout = routes[_LOGOUT]
        self._principal = routes[_PRINCIPAL]
        self._backends = backends

    async def begin(self, request: Request) -> Response:
        """Log in. Another page cannot: it could log its visitor in as somebody else."""
        csrf.require_own_page(request)
        # Which no form of another page can send.
        if media_type(request.headers.get("content-type", "")) != MEDIA_TYPE:
            raise HTTPException(415, f"the body must be {MEDIA_TYPE}")
        message = request_from(
            self._login,
            path={},
            query=request.query_params.multi_items(),
            body=await body_of(request),
        )
        begun = await self._backends.call(self._login, message)
        assert isinstance(begun, session_pb2.LoginResponse)
        credential = parse_credential(begun.credential)
        assert isinstance(credential, SessionSecret)
        response = _response(
            {"session": fields_of(begun.session), "csrf_token": csrf.token_of(credential)},
            status_code=201,
        )
        response.headers["location"] = SESSION_PATH
        cookies.remember(response, credential.text, max_age_s=_lifetime_s(begun.session))
        return response

    async def tell(self, request: Request) -> Response:
        """Say who is logged in; with the token, if it is by the cookie."""
        message = authentication_pb2.GetPrincipalRequest()
        principal = await self._backends.call(self._principal, message)
        told: dict[str, object] = {"principal": fields_of(principal)}
        session = cookies.session_in(request)
        if session is not None:
            told["csrf_token"] = csrf.token_of(session)
        return _response(told)

    async def end(self, request: Request) -> Response:
        """Log out."""
        await self._backends.call(self._logout, session_pb2.LogoutRequest())
        response = Response(status_code=204)
        cookies.forget(response)
        return response


def _lifetime_s(session: session_pb2.Session) -> int:
    return session.expire_time.seconds - session.create_time.seconds


def _response(fields: dict[str, object], *, status_code: int = 200) -> Response:
    body = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return Response(body, status_code=status_code, media_type=MEDIA_TYPE)
