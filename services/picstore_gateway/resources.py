"""One endpoint for each path: it knows all verbs of the path, so it can say which there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Operation = Callable[[Request], Awaitable[Response]]


class Resource:
    """An ASGI application that serves one path."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        """`operations` are by verb. HEAD is served by GET, and OPTIONS always."""
        self._operations = dict(operations)
        if "GET" in self._operations:
            # The server leaves the body out.
            self._operations["HEAD"] = self._operations["GET"]
        self._allow = ", ".join(sorted({*self._operations, "OPTIONS"}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            HTTPException: The path does not know the request's verb.
        """
        response = await self._respond(Request(scope, receive, send))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        headers = {"allow": self._allow}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
        operation = self._operations.get(request.method)
        if operation is None:
            raise HTTPException(405, headers=headers)
        return await operation(request)
