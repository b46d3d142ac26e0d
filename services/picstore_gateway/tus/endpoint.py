"""The paths of tus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Endpoint
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from picstore_gateway.backends import Backends
from picstore_gateway.problems import problem
from picstore_gateway.resources import Operation
from picstore_gateway.tus.answers import Refusal, refusal_of
from picstore_gateway.tus.headers import ENDPOINT, VERSION
from picstore_gateway.tus.operations import TusOperations
from picstore_kit.errors import InvalidField, PicstoreError, Unauthenticated

_OVERRIDE: Final = "x-http-method-override"
_RESUMABLE: Final = "tus-resumable"


def tus_endpoints(backends: Backends, *, max_bytes: int) -> list[Endpoint]:
    """Return what is served by tus; `max_bytes` is what clients are told that a file may have."""
    operations = TusOperations(backends, max_bytes=max_bytes)
    one = {
        "HEAD": operations.look,
        "PATCH": operations.write,
        "DELETE": operations.terminate,
        "OPTIONS": operations.tell,
    }
    every = {"POST": operations.create, "OPTIONS": operations.tell}
    return [
        Endpoint(ENDPOINT, _TusResource(every)),
        Endpoint(f"{ENDPOINT}{{upload_id}}", _TusResource(one)),
    ]


class TusVersion:
    """Has every answer of tus say which version it is of, refusals by whatever part included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith(ENDPOINT):
            await self._app(scope, receive, send)
            return

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault(_RESUMABLE, VERSION)
            await send(message)

        await self._app(scope, receive, send_with_version)


class _TusResource:
    """An ASGI application that serves one path by tus."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = dict(operations)
        # What can only send POST says in a header what it means.
        self._allow = ", ".join(sorted({*operations, "POST"}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            Unauthenticated: The credential is missing or not good.
            HTTPException: The path does not know the request's verb, or the body's type is wrong.
        """
        request = Request(scope, receive, send)
        try:
            response = await self._respond(request)
        except Unauthenticated:
            raise  # Who asks is not for us to judge.
        except Refusal as refusal:
            response = problem(refusal.error, status=refusal.status)
        except PicstoreError as error:
            response = refusal_of(error)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        verb = request.method
        if verb == "POST":
            verb = request.headers.get(_OVERRIDE, verb).upper()
        operation = self._operations.get(verb)
        if operation is None:
            raise HTTPException(405, headers={"allow": self._allow})
        if verb != "OPTIONS" and request.headers.get(_RESUMABLE) != VERSION:
            error = InvalidField(_RESUMABLE, f"must be {VERSION}")
            return problem(error, status=412, headers={"tus-version": VERSION})
        response = await operation(request)
        if verb == "OPTIONS":
            response.headers["allow"] = self._allow
        return response
