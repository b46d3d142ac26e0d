"""The ASGI application."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import grpc.aio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Endpoint

# Their descriptors say what the routes are.
from picstore.auth.v1 import authentication_pb2, directory_pb2
from picstore.catalog.v1 import image_pb2, project_pb2
from picstore.upload.v1 import upload_pb2
from picstore_gateway import openapi
from picstore_gateway.api import endpoints
from picstore_gateway.backends import Backends
from picstore_gateway.middleware import Problems, Surroundings
from picstore_gateway.pages import pages
from picstore_gateway.problems import problem
from picstore_gateway.routes import routes_of
from picstore_gateway.uploads import upload_endpoints
from picstore_kit.errors import InvalidArgument, NotFound, PicstoreError, Reason, Unimplemented


def services_in(module_services: Mapping[str, object]) -> list[str]:
    """Return the full names of the services of a generated module."""
    return [str(getattr(service, "full_name")) for service in module_services.values()]  # noqa: B009


SERVICES: Final[Mapping[str, tuple[str, ...]]] = {
    "auth": (
        *services_in(authentication_pb2.DESCRIPTOR.services_by_name),
        *services_in(directory_pb2.DESCRIPTOR.services_by_name),
    ),
    "catalog": (
        *services_in(project_pb2.DESCRIPTOR.services_by_name),
        *services_in(image_pb2.DESCRIPTOR.services_by_name),
    ),
    "upload": tuple(services_in(upload_pb2.DESCRIPTOR.services_by_name)),
}
"""The gRPC services with public methods, by the process that serves them."""


def application(
    channels: Mapping[str, grpc.aio.Channel],
    *,
    ready: Callable[[], Awaitable[bool]],
    version: str,
) -> Starlette:
    """Return the gateway. `channels` are by process: auth, catalog, upload."""
    backends = Backends(
        {name: channels[process] for process, names in SERVICES.items() for name in names}
    )
    routes = routes_of(name for names in SERVICES.values() for name in names)
    document = json.dumps(openapi.document(routes, version=version)).encode()

    async def serve_document(request: Request) -> Response:
        return Response(document, media_type="application/json")

    async def health(request: Request) -> Response:
        good = await ready()
        return Response("ok" if good else "not ready", status_code=200 if good else 503)

    return Starlette(
        routes=[
            *endpoints(routes, backends),
            *upload_endpoints(routes, backends),
            Endpoint("/openapi.json", serve_document),
            Endpoint("/healthz", health),
            *pages(),
        ],
        middleware=[Middleware(Surroundings), Middleware(Problems)],
        exception_handlers={HTTPException: _http_problem},
    )


async def _http_problem(request: Request, error: Exception) -> Response:
    """Tell of what Starlette itself refuses: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    refusal: PicstoreError
    match error.status_code:
        case 404:
            refusal = NotFound(
                Reason.METHOD_UNKNOWN, f"there is nothing at {path}", metadata={"path": path}
            )
        case 405:
            refusal = Unimplemented(
                Reason.METHOD_UNKNOWN,
                f"{path} does not know {request.method}",
                metadata={"path": path, "method": request.method},
            )
        case _:
            refusal = InvalidArgument(Reason.FIELD_INVALID, error.detail)
    response = problem(refusal)
    if error.status_code == 405:
        response.status_code = 405
        response.headers.update(error.headers or {})
    return response
