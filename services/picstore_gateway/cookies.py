"""The cookie in which a browser keeps a session.

Its prefix `__Host-` makes browsers refuse it unless it is Secure, for this very host and for all of
it, so no other host of the same domain can plant one. No script can read it.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from picstore_kit.credentials import MalformedCredential, SessionSecret, parse_credential

NAME: Final = "__Host-picstore"


def came_with(request: Request) -> bool:
    """Whether the request has the cookie and nothing that goes before it."""
    return "authorization" not in request.headers and NAME in request.cookies


def session_in(request: Request) -> SessionSecret | None:
    """Return the session that the request is to be served as by its cookie.

    There is none if it has an `Authorization` header, which goes before the cookie, or if what is
    in the cookie cannot be a session.
    """
    if not came_with(request):
        return None
    try:
        credential = parse_credential(request.cookies[NAME])
    except MalformedCredential:
        return None
    return credential if isinstance(credential, SessionSecret) else None


def remember(response: Response, credential: str, *, max_age_s: int) -> None:
    """Have the browser keep a session's credential for so many seconds."""
    response.set_cookie(
        NAME, credential, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="lax"
    )


def forget(response: Response) -> None:
    """Have the browser drop the cookie."""
    response.delete_cookie(NAME, path="/", secure=True, httponly=True, samesite="lax")
