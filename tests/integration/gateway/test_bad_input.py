"""Whatever is sent to whichever route: never our fault, and never a stack trace."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from picstore_gateway.app import public_routes
from picstore_gateway.routes import Route
from picstore_kit.ids import ImageId, ProjectId, UploadProfileId, new_id
from tests.integration.cli.installation import Installation

TEXTS = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "\x00",
            "a\x00b",
            "../..",
            "%",
            "'; --",
            "null",
            "-1",
            "0",
            "99999999999999999999",
            "NaN",
            "\ud800",
            "🐕" * 300,
            "x" * 3000,
            new_id(ImageId),
            new_id(ProjectId),
            new_id(UploadProfileId),
        ]
    ),
    st.text(max_size=20),
)
SENDABLE_TEXTS = TEXTS.filter(lambda text: text.isascii() or text.isprintable())
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(),
    TEXTS,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["id", "format", "width", "ratio", "x"]), inner, max_size=3
        ),
    ),
    max_leaves=6,
)


def names_in(route: Route) -> list[str]:
    """Return the names that fields of the body may have."""
    message = route.method.input_type
    if route.body and route.body != "*":
        inner = message.fields_by_name[route.body].message_type
        assert inner is not None
        message = inner
    return [*(field.name for field in message.fields), "x"]


@st.composite
def requests(draw: st.DrawFn, route: Route) -> dict[str, Any]:
    """Draw the parts of a request to a route, most of them wrong."""
    path = re.sub("{[^}]+}", lambda _: _quoted(draw(SENDABLE_TEXTS)), route.template)
    known = [name for name, _ in route.query_fields()]
    query = draw(
        st.dictionaries(st.sampled_from([*known, "x"]), SENDABLE_TEXTS, max_size=3)
        if known
        else st.just({})
    )
    request: dict[str, Any] = {"method": route.verb, "url": path, "params": query}
    if route.takes_bytes:
        request["content"] = draw(st.binary(max_size=300))
    elif route.body:
        body = st.dictionaries(st.sampled_from(names_in(route)), VALUES, max_size=4)
        request["content"] = draw(st.one_of(body.map(_json), st.binary(max_size=40)))
    return request


def _quoted(text: str) -> str:
    return str(httpx.QueryParams({"": text}))[1:].replace("+", "%20") or "x"


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.fixture(scope="module")
def http(picstore: Installation) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {picstore.api_key}"}
    with httpx.Client(
        base_url=picstore.url, headers=headers, trust_env=False, timeout=20
    ) as client:
        yield client


@pytest.mark.parametrize("route", public_routes(), ids=lambda route: route.method.name)
def test_bad_input_is_the_callers_fault(http: httpx.Client, route: Route) -> None:
    @settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(route))
    def send(request: dict[str, Any]) -> None:
        response = http.request(**request)
        assert response.status_code < 500, response.text
        if response.is_error:
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["reason"]
            assert "Traceback" not in response.text

    send()
