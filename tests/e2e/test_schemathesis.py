"""The OpenAPI document is kept: whatever is sent, no answer is a 5xx or one that it does not have.

Schemathesis makes requests out of `/openapi.json`, good ones and bad ones, from the boundaries of
every schema and at random, always the same from one run to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import requests
import schemathesis
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from picstore_gateway import openapi
from picstore_gateway.app import public_routes
from picstore_kit.credentials import new_api_key
from picstore_kit.ids import KeyId, new_id
from tests.pictures import photo
from tests.stack import LiveStack, demo_document

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SEED: Final = 20261123
EXAMPLES: Final = 12
"""Random requests for each operation, besides those from the boundaries of its schemas."""
CHECKS: Final[list[CheckFunction]] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

ENDLESS: Final = ("ImageService_WatchImages",)
"""Operations whose answer has no end of its own, for which this would wait. They are left out here,
and `test_watching.py` reads from them until it has seen enough."""

NOUNS: Final = ("conversion_profiles", "roles", "storage_locations")
EXAMPLE: Final = "01h455vb4pex5vsknk084sn02q"
"""What follows the prefix in all examples of ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """An administrator of a team that nothing else is done with."""

    api_key: str
    stand_ins: dict[str, str]
    """What is sent in the place of some ids.

    Where the document has an example, an object that there is: what cannot be found is soon
    answered. And another administrator where this one is meant, who would learn nothing more from
    any operation after revoking their own key.
    """


@pytest.fixture(scope="module")
def admin(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Admin:
    keys = [new_api_key(new_id(KeyId)).text for _ in range(2)]
    text = demo_document().read_text()
    text = text.replace("short_name: demo\n", "short_name: fuzzed\n").replace(
        "api_keys:\n",
        "  - {email: second@example.com, roles: [admin]}\n\n"
        "api_keys:\n"
        "  - {credential: '${SECOND_API_KEY}', user: second@example.com, display_name: Second}\n",
    )
    path: Path = tmp_path_factory.mktemp("fuzzed") / "team.yaml"
    path.write_text(text)
    variables = {**stack.demo_variables(), "PICSTORE_DEMO_API_KEY": keys[0]}
    stack.bootstrap(path, **variables, SECOND_API_KEY=keys[1])
    with stack.http(keys[0]) as http, stack.http(keys[1]) as other_http:
        own, other = (client.get("/api/v1/me").json() for client in (http, other_http))
        project_id = _first(http, "/api/v1/projects")
        image = http.post(
            f"/api/v1/projects/{project_id}/quick_upload",
            content=photo(64, 48, seed="fuzzed"),
            params={"filename": "fuzzed.jpg", "upload_profile": "photos"},
        ).json()
        invitation = http.post(f"/api/v1/users/{other['user_id']}/invitations").json()["invitation"]
        there = [
            *(own["team_id"], other["user_id"], other["key_id"], project_id),
            *(image["id"], invitation["id"]),
            _first(http, f"/api/v1/projects/{project_id}/upload_profiles"),
            *(_first(http, f"/api/v1/{noun}") for noun in NOUNS),
        ]
    examples = {f"{id.partition('_')[0]}_{EXAMPLE}": id for id in there}
    return Admin(
        api_key=keys[0],
        stand_ins={**examples, **{own[name]: other[name] for name in ("user_id", "key_id")}},
    )


def _first(http: httpx.Client, path: str) -> str:
    """Return the id of the first object of a list."""
    page = http.get(path).json()
    return str(page[path.rpartition("/")[2]][0]["id"])


@pytest.fixture(scope="module")
def session(admin: Admin) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["authorization"] = f"Bearer {admin.api_key}"
        yield session


def _schema() -> OpenApiSchema:
    """Read the document: while tests are collected, so that each operation is a test."""
    generation = GenerationConfig(
        max_examples=EXAMPLES,
        deterministic=True,
        # The caller's credential is sent, and no made-up one beside it.
        with_security_parameters=False,
    )
    project = ProjectConfig(generation=generation)
    config = schemathesis.Config(seed=SEED, projects=ProjectsConfig(default=project))
    document = openapi.document(public_routes(), version="0")
    return schemathesis.openapi.from_dict(document, config=config)


schema = _schema().exclude(operation_id=list(ENDLESS))


def test_the_document_is_the_one_that_is_served(stack: LiveStack) -> None:
    with stack.http(api_key="") as http:
        served = http.get("/openapi.json").json()
    assert served == openapi.document(public_routes(), version=served["info"]["version"])


def test_only_endless_streams_are_left_out() -> None:
    # What happens in a project has no end; what happens to one picture does.
    endless = [
        f"{route.method.containing_service.name}_{route.method.name}"
        for route in public_routes()
        if route.streams and route.variables == ("project_id",)
    ]
    assert endless == list(ENDLESS)


@schema.parametrize()
def test_every_answer_is_as_documented(
    case: schemathesis.Case[Any], stack: LiveStack, admin: Admin, session: requests.Session
) -> None:
    for name, value in case.path_parameters.items():
        if value in admin.stand_ins:
            case.path_parameters[name] = admin.stand_ins[value]
    case.call_and_validate(stack.gateway, session=session, checks=CHECKS)
