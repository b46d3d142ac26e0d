"""Bootstrap documents: from files to requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from picstore.catalog.v1 import conversion_pb2
from picstore.options.v1 import permission_pb2
from picstore_cli.bootstrap.document import Document
from picstore_cli.bootstrap.reading import DocumentError, read, substitute
from picstore_cli.bootstrap.requests import auth_request, catalog_request
from tests.unit.cli.reference import reference

DOCS = Path(__file__).parents[3] / "docs" / "bootstrap.md"
TEAM: dict[str, Any] = {"team": {"short_name": "acme"}}


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def error_of(*paths: Path, **environment: str) -> str:
    """Return the message of the error that reading raises."""
    with pytest.raises(DocumentError) as caught:
        read(paths, environment)
    return str(caught.value)


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    yaml = write(tmp_path, "a.yaml", "team:\n  short_name: acme\nusers: [{email: a@b.c}]\n")
    # With tabs, which YAML does not take.
    text = json.dumps({**TEAM, "users": [{"email": "a@b.c"}]}, indent="\t")
    assert read([yaml], {}) == read([write(tmp_path, "a.json", text)], {})


def test_files_are_joined(tmp_path: Path) -> None:
    one = write(tmp_path, "a.json", {**TEAM, "users": [{"email": "a@b.c"}]})
    two = write(tmp_path, "b.json", {**TEAM, "users": [{"email": "d@e.f"}], "roles": []})
    assert [user.email for user in read([one, two], {}).users] == ["a@b.c", "d@e.f"]


def test_files_that_disagree_are_refused(tmp_path: Path) -> None:
    one = write(tmp_path, "a.json", TEAM)
    two = write(tmp_path, "b.json", {"team": {"short_name": "other"}})
    assert error_of(one, two) == f"{two}: team: says something else than the files before it"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "1"),
        ("x${A}y${A}", "x1y1"),
        ("${B:-two}", "two"),
        ("${EMPTY:-two}", "two"),
        ("${B:-}", ""),
        ("${EMPTY}", ""),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("$A costs 5$", "$A costs 5$"),
    ],
)
def test_variables_are_substituted(text: str, expected: str) -> None:
    assert substitute({"a": [text, 1]}, {"A": "1", "EMPTY": ""}) == {"a": [expected, 1]}


def test_a_value_cannot_change_the_structure(tmp_path: Path) -> None:
    path = write(tmp_path, "a.yaml", "team:\n  short_name: ${NAME}\n")
    document = read([path], {"NAME": "x\nusers: []"})
    assert document.team.short_name == "x\nusers: []"


def test_all_missing_variables_are_named_with_their_places(tmp_path: Path) -> None:
    content = {**TEAM, "users": [{"email": "${MAIL}", "display_name": "${NAME} ${1}"}]}
    path = write(tmp_path, "a.json", content)
    assert error_of(path).splitlines() == [
        f"{path}: users[0].email: the environment variable MAIL is not set",
        f"{path}: users[0].display_name: the environment variable NAME is not set",
        f"{path}: users[0].display_name: write ${{NAME}} or ${{NAME:-default}}, and $$ for a $",
    ]


def test_everything_that_is_wrong_is_named_with_its_file_and_place(tmp_path: Path) -> None:
    one = write(tmp_path, "a.json", {**TEAM, "users": [{"email": "a@b.c"}]})
    two = write(
        tmp_path,
        "b.json",
        {
            "users": [{"e-mail": "x"}],
            "storage_locations": [{"short_name": "s"}],
            "colour": "red",
        },
    )
    assert error_of(one, two).splitlines() == [
        f"{two}: users[0].email: Field required",
        f"{two}: users[0].e-mail: Extra inputs are not permitted",
        f"{two}: storage_locations[0]: name exactly one of s3 and local",
        f"{two}: colour: Extra inputs are not permitted",
    ]


def test_a_document_without_a_team_is_refused(tmp_path: Path) -> None:
    assert error_of(write(tmp_path, "a.json", {"users": []})) == "team: Field required"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.yaml", "team: [", "is neither YAML nor JSON"),
        ("a.json", "{", "is no JSON"),
        ("a.yaml", "[]", "must hold a mapping"),
        ("a.yaml", "", "must hold a mapping"),
    ],
)
def test_what_is_no_document_is_refused(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    path = write(tmp_path, name, content)
    assert error_of(path).startswith(f"{path} {words}")


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\xff")
    assert "can't be read" in error_of(tmp_path / "nothing.yaml")
    assert "can't be read" in error_of(tmp_path / "binary.yaml")


def test_secrets_are_in_no_message(tmp_path: Path) -> None:
    key = {"credential": "ps_secret", "user": ["x"]}
    path = write(tmp_path, "a.json", {**TEAM, "api_keys": [key]})
    assert "ps_secret" not in error_of(path)
    document = Document.model_validate({**TEAM, "api_keys": [{**key, "user": "x"}]})
    assert "ps_secret" not in repr(document)


def test_short_forms_stand_for_long_ones() -> None:
    document = Document.model_validate(
        {
            **TEAM,
            "roles": [{"short_name": "r", "grants": ["image:read"]}],
            "conversion_profiles": [
                {
                    "short_name": "p",
                    "formats": [{"format": "webp"}],
                    "sizes": [{"width": 10, "densities": [1, 2.5]}],
                }
            ],
        }
    )
    request = auth_request(
        document, team_id="", project_ids={}, upload_profile_ids={}, dry_run=True
    )
    (grant,) = request.roles[0].grants
    assert (grant.permission, grant.project) == (permission_pb2.PERMISSION_IMAGE_READ, "")
    assert request.dry_run
    profiles = catalog_request(
        document, team_id="tem_1", project_ids={}, upload_profile_ids={}, dry_run=False
    ).conversion_profiles
    size = profiles[0].sizes[0]
    assert [density.ratio for density in size.densities] == [1, 2.5]
    assert size.fit == conversion_pb2.FIT_INSIDE
    assert not size.HasField("height")
    assert not profiles[0].formats[0].HasField("quality")


def test_a_format_may_depend_on_every_format_that_originals_have() -> None:
    numbers = conversion_pb2.Format.values()[1:]
    names = [conversion_pb2.Format.Name(n).removeprefix("FORMAT_").lower() for n in numbers]
    rule = {"format": "webp", "only_from": names, "not_from": names}
    document = Document.model_validate(
        {**TEAM, "conversion_profiles": [{"short_name": "p", "formats": [rule], "sizes": [{}]}]}
    )
    (profile,) = catalog_request(
        document, team_id="tem_1", project_ids={}, upload_profile_ids={}, dry_run=False
    ).conversion_profiles
    assert profile.formats[0].only_from == numbers
    assert profile.formats[0].not_from == numbers


def test_a_permission_that_does_not_exist_is_refused() -> None:
    document = Document.model_validate(
        {**TEAM, "roles": [{"short_name": "r", "grants": ["image:paint"]}]}
    )
    with pytest.raises(DocumentError, match="image:paint"):
        auth_request(document, team_id="", project_ids={}, upload_profile_ids={}, dry_run=True)


def test_the_reference_is_that_of_the_models() -> None:
    text = DOCS.read_text()
    assert reference().strip() in text, "write it anew: tests.unit.cli.reference.reference()"
