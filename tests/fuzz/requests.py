"""What reads the requests of callers: JSON and queries, profiles, templates, descriptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final, TypeVar
from urllib.parse import parse_qsl

from google.protobuf.message import DecodeError, Message

from picstore.catalog.v1 import (
    conversion_pb2,
    conversion_profile_pb2,
    image_pb2,
    overlay_pb2,
    overlay_template_pb2,
)
from picstore_catalog.mapping.conversion_profile import new_conversion_profile
from picstore_catalog.mapping.description import read_description
from picstore_catalog.mapping.overlay_template import new_overlay_template
from picstore_gateway.app import public_routes
from picstore_gateway.routes import Route
from picstore_gateway.transcoding import request_from, to_json
from picstore_kit.ids import ConversionProfileId, OverlayTemplateId, ProjectId, new_id
from picstore_kit.violations import Violations, all_at_once
from tests.fuzz.target import Target

MessageT = TypeVar("MessageT", bound=Message)

_BODY_ENDS: Final = b"\0"
"""Between a body and a query."""
_DEPTHS: Final = (60, 400, 880, 900, 920, 940, 960, 5_000)
"""Objects within one another, up to as many as a parser bears and beyond."""


@cache
def _routes() -> list[Route]:
    return public_routes()


def _request(data: bytes) -> None:
    """Read a body, and after it a query, by the route that the first byte names."""
    number, rest = (data[0], data[1:]) if data else (0, b"")
    route = _routes()[number % len(_routes())]
    body, _, query = rest.partition(_BODY_ENDS)
    pairs = parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True)
    to_json(request_from(route, path={}, query=pairs, body=body))


def _request_seeds() -> Iterable[bytes]:
    with_body = [number for number, route in enumerate(_routes()) if route.body]
    for number in range(len(_routes())):
        if number in with_body:
            yield bytes([number]) + b'{"project":{"short_name":"a"},"update_mask":"a,b"}'
        else:
            yield bytes([number]) + _BODY_ENDS + b"page_size=9&page_token=a&order_by=name"
    for depth in _DEPTHS:
        yield bytes(with_body[:1]) + b'{"a":' * depth + b'"\\ud800"' + b"}" * depth
        yield bytes(with_body[:1]) + b'{"a":' + b"[" * depth + b'"\\ud800"' + b"]" * depth + b"}"


def _reader(
    kind: type[MessageT], read: Callable[[MessageT, Violations], object]
) -> Callable[[bytes], None]:
    """Return what reads a message off the wire and then all that it says."""

    def run(data: bytes) -> None:
        message = kind()
        try:
            message.ParseFromString(data)
        except DecodeError:
            return
        with all_at_once() as violations:
            read(message, violations)

    return run


_profile = _reader(
    conversion_profile_pb2.ConversionProfile,
    lambda message, violations: new_conversion_profile(
        message, new_id(ConversionProfileId), new_id(ProjectId), violations, "profile"
    ),
)
_template = _reader(
    overlay_template_pb2.OverlayTemplate,
    lambda message, violations: new_overlay_template(
        message, new_id(OverlayTemplateId), violations
    ),
)
_description = _reader(image_pb2.Image, read_description)


def _profile_seeds() -> Iterable[bytes]:
    rules = [
        conversion_pb2.FormatRule(format=number, quality=70)
        for number in conversion_pb2.Format.values()
    ]
    sizes = [
        conversion_pb2.SizeRule(width=320, height=200),
        conversion_pb2.SizeRule(width=640, densities=[conversion_pb2.Density(ratio=2.0)]),
    ]
    message = conversion_profile_pb2.ConversionProfile(
        short_name="web", formats=rules, sizes=sizes, background="#ffffff"
    )
    yield message.SerializeToString()


def _template_seeds() -> Iterable[bytes]:
    text = overlay_pb2.TextLayer(text="{{title}}", colour="#ffffff")
    overlay = overlay_pb2.Overlay(
        layers=[overlay_pb2.Layer(text=text)],
        variables=[overlay_pb2.Variable(name="title", max_length=80)],
    )
    yield overlay_template_pb2.OverlayTemplate(
        short_name="card", overlay=overlay
    ).SerializeToString()


def _description_seeds() -> Iterable[bytes]:
    yield image_pb2.Image(
        alt_text="A lake", alt_texts={"en-GB": "A lake"}, tags=["lake"], metadata={"a": "b"}
    ).SerializeToString()


TARGETS: Final = {
    "request": Target(read=_request, seeds=_request_seeds),
    "profile": Target(read=_profile, seeds=_profile_seeds),
    "template": Target(read=_template, seeds=_template_seeds),
    "description": Target(read=_description, seeds=_description_seeds),
}
"""By name."""
