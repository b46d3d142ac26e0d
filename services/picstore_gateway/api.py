"""The endpoints of the JSON routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from picstore_gateway.backends import Backends
from picstore_gateway.routes import Route, variable_name
from picstore_gateway.transcoding import request_from, to_json
from picstore_kit.errors import InvalidArgument, Reason

MAX_BODY_BYTES: Final = 1024 * 1024
"""Largest JSON body; no message of the contract comes near it."""


def endpoints(routes: list[Route], backends: Backends) -> list[Endpoint]:
    """Return an endpoint for every route that carries no file."""
    return [
        Endpoint(
            route.template, _endpoint(route, backends), methods=[route.verb], name=route.rpc_path
        )
        for route in routes
        if not route.takes_bytes
    ]


def path_values(route: Route, request: Request) -> dict[str, str]:
    """Return the values in the path by the request fields that they are for."""
    return {name: request.path_params[variable_name(name)] for name in route.variables}


def created(message: Message) -> Response:
    """Answer that something new exists, and where."""
    headers = {}
    identity = getattr(message, "id", "")
    if collection := _COLLECTIONS.get(message.DESCRIPTOR.name):
        headers["location"] = f"/api/v1/{collection}/{identity}"
    return Response(
        to_json(message), status_code=201, headers=headers, media_type="application/json"
    )


_COLLECTIONS: Final = {
    "ConversionProfile": "conversion_profiles",
    "Image": "images",
    "Project": "projects",
    "Role": "roles",
    "UploadProfile": "upload_profiles",
    "User": "users",
}


def _endpoint(route: Route, backends: Backends) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        message = request_from(
            route,
            path=path_values(route, request),
            query=request.query_params.multi_items(),
            body=await _body(request),
        )
        answer = await backends.call(route, message)
        if route.creates:
            return created(answer)
        return Response(to_json(answer), media_type="application/json")

    return serve


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise InvalidArgument(
                Reason.LIMIT_BYTES,
                f"the body is larger than the {MAX_BODY_BYTES} bytes that are allowed",
                metadata={"limit": str(MAX_BODY_BYTES)},
            )
    return body
