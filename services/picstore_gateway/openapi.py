"""The OpenAPI document, built from the contract's descriptors and their comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from google.protobuf.descriptor import Descriptor

from picstore.auth.v1 import authentication_pb2, session_pb2
from picstore_gateway import api, cookies, csrf, events
from picstore_gateway.comments import comments
from picstore_gateway.failures import (
    HEADERS,
    PROBLEM,
    RESPONSES,
    failures_of,
    failures_with,
    header_references,
    is_public,
)
from picstore_gateway.headers import IDEMPOTENCY_KEY, IF_MATCH, takes_etag, takes_key
from picstore_gateway.identity import SESSION_PATH
from picstore_gateway.routes import EMPTY, WHOLE_REQUEST, Route, field_at, variable_name
from picstore_gateway.schemas import Schemas, is_required
from picstore_gateway.uploads import parameters_of

_SENTENCE_END: Final = re.compile(r"[.;:](?:\s|$)")
_SUMMARY: Final = 120
"""Characters of a summary; of a longer sentence it has what is before the comma."""


def document(routes: Iterable[Route], *, version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.0 document of the routes.

    3.0 and not 3.1, which the bundled documentation page does not read.
    """
    writer = _Writer()
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.template, {})[route.verb.lower()] = writer.operation(route)
    paths[SESSION_PATH] = _browser_session(writer.schemas)
    schemas = {"Problem": PROBLEM, **writer.schemas.components}
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Pic Store",
            "version": version,
            "description": "Upload a picture once; get every format and size that a page needs.",
            "license": {"name": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": RESPONSES,
            "headers": HEADERS,
            "securitySchemes": _SECURITY_SCHEMES,
        },
        "security": _BY_CREDENTIAL,
    }


_SECURITY_SCHEMES: Final[dict[str, dict[str, Any]]] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, `ps_…`, or a session, `pss_…`.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": cookies.NAME,
        "description": "The session of a browser.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": csrf.HEADER,
        "description": "Goes with the cookie wherever something is changed.",
    },
}
_BY_CREDENTIAL: Final[list[dict[str, list[str]]]] = [{"key": []}, {"cookie": [], "csrf": []}]
_TO_READ: Final[list[dict[str, list[str]]]] = [{"key": []}, {"cookie": []}]


class _Writer:
    """Describes operations."""

    def __init__(self) -> None:
        self._comments = comments()
        self.schemas = Schemas(self._comments)

    def operation(self, route: Route) -> dict[str, Any]:
        """Describe one route."""
        text = self._comments[route.method.full_name]
        responses = {**self._success(route), **failures_of(route, text)}
        operation: dict[str, Any] = {
            "operationId": f"{route.method.containing_service.name}_{route.method.name}",
            "tags": [route.method.containing_service.name.removesuffix("Service")],
            "summary": _summary(text),
            "description": text,
            "parameters": [*self._path_parameters(route), *self._other_parameters(route)],
            "responses": dict(sorted(responses.items())),
        }
        if route.takes_bytes:
            operation["requestBody"] = _FILE_BODY
        elif route.body:
            operation["requestBody"] = self._body(route)
        if is_public(route):
            operation["security"] = []
        elif route.verb == "GET":
            operation["security"] = _TO_READ
        return operation

    def _success(self, route: Route) -> dict[str, dict[str, Any]]:
        """Return the response of a route when it succeeds, by status."""
        message = route.method.output_type
        names = ["X-Request-ID"]
        if route.creates:
            names.append("Location")
        if "etag" in message.fields_by_name:
            names.append("ETag")
        headers = header_references(*names)
        if message is EMPTY:
            return {"204": {"description": "It is done.", "headers": headers}}
        if route.streams:
            content = _events(message, self.schemas.response(message))
        else:
            content = _json(self.schemas.response(message))
        response = {
            "description": self._comments[message.full_name],
            "headers": headers,
            "content": content,
        }
        return {"201" if route.creates else "200": response}

    def _body(self, route: Route) -> dict[str, Any]:
        message: Descriptor = route.method.input_type
        within = ""
        if route.body != WHOLE_REQUEST:
            nested = field_at(message, route.body).message_type
            assert nested is not None  # the contract's bodies are messages
            message, within = nested, f"{route.body}."
        elsewhere = {variable.removeprefix(within) for variable in route.variables}
        partial = route.verb == "PATCH"
        schema = self.schemas.request(message, partial=partial, without=elsewhere)
        return {"required": True, "content": _json(schema)}

    def _path_parameters(self, route: Route) -> Iterator[dict[str, Any]]:
        for path in route.variables:
            field = field_at(route.method.input_type, path)
            name = variable_name(path)
            yield {
                "name": name,
                "in": "path",
                "required": True,
                "description": self._comments[field.full_name],
                "schema": self.schemas.path_variable(field, name),
            }

    def _other_parameters(self, route: Route) -> Iterator[dict[str, Any]]:
        if route.takes_bytes:
            header = field_at(route.method.input_type, "header").message_type
            assert header is not None  # the contract's own header is a message
            fields = [(name, header.fields_by_name[name]) for name in parameters_of(route)]
        else:
            fields = list(route.query_fields())
        for name, field in fields:
            yield {
                "name": name,
                "in": "query",
                "required": is_required(field),
                "description": self._comments[field.full_name],
                "schema": self.schemas.parameter(field),
            }
        if takes_etag(route):
            yield _ETAG_PARAMETER
        if takes_key(route):
            yield _KEY_PARAMETER
        if route.takes_bytes:
            yield _DIGEST_PARAMETER


def _summary(text: str) -> str:
    sentence = " ".join(_SENTENCE_END.split(text, maxsplit=1)[0].split())
    return sentence if len(sentence) <= _SUMMARY else sentence.partition(",")[0]


def _browser_session(schemas: Schemas) -> dict[str, Any]:
    """Describe `SESSION_PATH`, the one resource of the API that is not in the contract."""
    token = {"type": "string", "description": f"To be sent as {csrf.HEADER} with the cookie."}

    def operation(
        name: str,
        description: str,
        success: dict[str, dict[str, Any]],
        *failures: str,
        **more: Any,
    ) -> dict[str, Any]:
        return {
            "operationId": f"BrowserSession_{name}",
            "tags": ["BrowserSession"],
            "summary": description.partition(".")[0],
            "description": description,
            "parameters": [],
            "responses": dict(sorted({**success, **failures_with(*failures)}.items())),
            **more,
        }

    def answer(description: str, required: list[str], *headers: str, **told: Any) -> dict[str, Any]:
        schema = {"type": "object", "required": required, "properties": told}
        return {
            "description": description,
            "headers": header_references("X-Request-ID", *headers),
            "content": _json(schema),
        }

    session = {"session": schemas.response(session_pb2.Session.DESCRIPTOR), "csrf_token": token}
    principal = {
        "principal": schemas.response(authentication_pb2.Principal.DESCRIPTOR),
        "csrf_token": token,
    }
    return {
        "post": operation(
            "Begin",
            "Logs a person in with a browser. The session's credential goes into the cookie "
            f"`{cookies.NAME}`, which no script can read, and nowhere else.",
            {"201": answer("The session.", list(session), "Location", "Set-Cookie", **session)},
            *("403", "408", "409", "413", "415"),
            requestBody={
                "required": True,
                "content": _json(schemas.request(session_pb2.LoginRequest.DESCRIPTOR)),
            },
            security=[],
        ),
        "get": operation(
            "Tell",
            "Says who is logged in. A browser gets its CSRF token again.",
            {"200": answer("Who is logged in.", ["principal"], **principal)},
            security=_TO_READ,
        ),
        "delete": operation(
            "End",
            "Logs out. The cookie is dropped, and the session refused at once.",
            {
                "204": {
                    "description": "It is done.",
                    "headers": header_references("X-Request-ID", "Set-Cookie"),
                }
            },
            *("403", "409"),
        ),
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what `content` is of a body in JSON."""
    return {api.MEDIA_TYPE: {"schema": schema}}


def _events(message: Descriptor, schema: dict[str, Any]) -> dict[str, Any]:
    """Return what `content` is of a stream of messages; OpenAPI has no word for what is in it."""
    text = (
        f"Server-sent events. The `data` of each is a {message.name} in JSON, and its name the "
        f"kind. `{events.ERROR}` is a Problem, and the last one. Lines that begin with a colon "
        "say that the stream is alive."
    )
    described = {"type": "string", "description": text, "x-data": schema}
    return {events.MEDIA_TYPE: {"schema": described}}


_ETAG_PARAMETER: Final[dict[str, Any]] = {
    "name": IF_MATCH,
    "in": "header",
    "required": False,
    "description": "The object's `etag` in quotes: do it only if the object is still as it was "
    "then. Another way to send the field `etag`.",
    "schema": {"type": "string"},
}
_KEY_PARAMETER: Final[dict[str, Any]] = {
    "name": IDEMPOTENCY_KEY,
    "in": "header",
    "required": False,
    "description": "Repeating the call with the same key returns the first answer. Another way to "
    "send `request_id`.",
    "schema": {"type": "string", "format": "uuid"},
}
_DIGEST_PARAMETER: Final[dict[str, Any]] = {
    "name": "Content-Digest",
    "in": "header",
    "required": False,
    "description": "The SHA-256 of the body as `sha-256=:<base64>:` (RFC 9530). The file is "
    "refused unless it arrived unchanged. Not with a form.",
    "schema": {"type": "string"},
}
_FILE_BODY: Final[dict[str, Any]] = {
    "required": True,
    "description": "The file itself, or a form with one file and, before it, any of the query's "
    "parameters as fields.",
    "content": {
        "image/*": {"schema": {"type": "string", "format": "binary"}},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        },
    },
}
