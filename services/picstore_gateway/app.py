"""The ASGI application."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import ModuleType
from typing import Final

import grpc.aio
from google.protobuf.descriptor import FileDescriptor
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route as Endpoint

# Their descriptors say what the routes are.
from picstore.auth.v1 import (
    api_key_pb2,
    audit_pb2,
    authentication_pb2,
    invitation_pb2,
    role_pb2,
    session_pb2,
    team_pb2,
    user_pb2,
)
from picstore.catalog.v1 import (
    conversion_profile_pb2,
    image_service_pb2,
    overlay_template_pb2,
    project_pb2,
    storage_location_pb2,
    upload_profile_pb2,
)
from picstore.upload.v1 import import_pb2, upload_pb2
from picstore_gateway import openapi
from picstore_gateway.api import MEDIA_TYPE, json_operation
from picstore_gateway.backends import Backends
from picstore_gateway.bounds import Bounds
from picstore_gateway.cors import CrossOrigin
from picstore_gateway.events import event_operation
from picstore_gateway.identity import Identity
from picstore_gateway.lingering import Lingering
from picstore_gateway.middleware import HEALTH_PATH, Problems, Surroundings
from picstore_gateway.pages import pages
from picstore_gateway.problems import problem, refusal
from picstore_gateway.resources import Operation, Resource
from picstore_gateway.routes import Route, places_of, routes_of
from picstore_gateway.sessions import session_endpoint
from picstore_gateway.settings import TUS_MAX_BYTES
from picstore_gateway.tus.endpoint import TusVersion, tus_endpoints
from picstore_gateway.uploads import upload_operation
from picstore_kit.rpc.origin import Network


def _services_in(*modules: ModuleType) -> tuple[str, ...]:
    files: list[FileDescriptor] = [module.DESCRIPTOR for module in modules]
    return tuple(
        str(service.full_name) for file in files for service in file.services_by_name.values()
    )


SERVICES: Final[Mapping[str, tuple[str, ...]]] = {
    "auth": _services_in(
        authentication_pb2,
        session_pb2,
        team_pb2,
        user_pb2,
        invitation_pb2,
        role_pb2,
        api_key_pb2,
        audit_pb2,
    ),
    "catalog": _services_in(
        project_pb2,
        storage_location_pb2,
        conversion_profile_pb2,
        upload_profile_pb2,
        overlay_template_pb2,
        image_service_pb2,
    ),
    "upload": _services_in(upload_pb2, import_pb2),
}
"""The gRPC services with public methods, by the process that serves them."""


def application(
    channels: Mapping[str, grpc.aio.Channel],
    *,
    ready: Callable[[], Awaitable[bool]],
    version: str,
    trusted_proxies: Sequence[Network] = (),
    stopping: asyncio.Event | None = None,
    cors_origins: Sequence[str] = (),
    tus_max_bytes: int = TUS_MAX_BYTES,
) -> Starlette:
    """Return the gateway.

    `channels` are by process: auth, catalog, upload. Peers in `trusted_proxies` are believed for
    whom they call. Streams, which may have no end of their own, end when `stopping` is set. Scripts
    of `cors_origins` may use the API. `tus_max_bytes` is what clients of tus are told that a file
    may have.
    """
    backends = Backends(
        {name: channels[process] for process, names in SERVICES.items() for name in names}
    )
    routes = public_routes()
    document = json.dumps(openapi.document(routes, version=version)).encode()

    async def serve_document(request: Request) -> Response:
        return Response(document, media_type=MEDIA_TYPE)

    async def health(request: Request) -> Response:
        if await ready():
            return PlainTextResponse("ok")
        return PlainTextResponse("not ready", status_code=503)

    app = Starlette(
        routes=[
            *_resources(routes, backends, stopping or asyncio.Event()),
            session_endpoint(routes, backends),
            *tus_endpoints(backends, max_bytes=tus_max_bytes),
            Endpoint("/openapi.json", Resource({"GET": serve_document})),
            Endpoint(HEALTH_PATH, Resource({"GET": health})),
            *pages(),
        ],
        middleware=[
            Middleware(Lingering),
            Middleware(Surroundings, trusted_proxies=trusted_proxies),
            Middleware(CrossOrigin, origins=cors_origins),
            Middleware(TusVersion),
            Middleware(Problems),
            Middleware(Bounds),
            Middleware(Identity),
        ],
        exception_handlers={HTTPException: _on_http_exception},
    )
    # One path, one resource: to redirect would hide a mistake, and repeat an upload.
    app.router.redirect_slashes = False
    return app


def public_routes() -> list[Route]:
    """Return all routes of the contract."""
    return routes_of(name for names in SERVICES.values() for name in names)


def _resources(
    routes: Sequence[Route], backends: Backends, stopping: asyncio.Event
) -> list[Endpoint]:
    places = places_of(routes)
    operations: defaultdict[str, dict[str, Operation]] = defaultdict(dict)
    for route in routes:
        if route.streams:
            operation = event_operation(route, backends, stopping)
        elif route.takes_bytes:
            operation = upload_operation(route, backends, places)
        else:
            operation = json_operation(route, backends, places)
        operations[route.template][route.verb] = operation
    # `/{id}:revoke` must come before `/{id}`, which is true of its paths, too.
    templates = sorted(operations, key=lambda template: ":" not in template)
    return [Endpoint(template, Resource(operations[template])) for template in templates]


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Tell of what is refused before the contract is asked: paths, verbs, media types."""
    assert isinstance(error, HTTPException)
    told = refusal(error.status_code, error.detail, verb=request.method, path=request.scope["path"])
    return problem(told, status=error.status_code, headers=error.headers)
