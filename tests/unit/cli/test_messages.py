"""Objects as documents that people edit."""

from __future__ import annotations

import pytest
import typer
import yaml

from picstore.auth.v1.role_pb2 import Role
from picstore.catalog.v1.conversion_profile_pb2 import ConversionProfile
from picstore.catalog.v1.storage_location_pb2 import S3Provider, StorageLocation
from picstore_cli.messages import changed_paths, parse_into, to_yaml

PROFILE = ConversionProfile(id="cpr_1", short_name="web", revision=3, background="#ffffff")
PROFILE.create_time.FromJsonString("2026-01-31T12:00:00Z")
LOCATION = StorageLocation(
    id="loc_1", s3=S3Provider(endpoint="https://s3", bucket="b", access_key_id="key")
)


def changes(current: ConversionProfile | StorageLocation, document: dict[str, object]) -> list[str]:
    wanted = type(current)()
    parse_into(wanted, document)
    return list(changed_paths(current, wanted, document))


def test_a_document_given_back_as_it_was_shown_changes_nothing() -> None:
    assert changes(PROFILE, yaml.safe_load(to_yaml(PROFILE))) == []


def test_only_what_is_otherwise_is_changed() -> None:
    document = {"display_name": "Web", "background": "#ffffff", "revision": 7, "etag": "x"}
    assert changes(PROFILE, document) == ["display_name"]


def test_an_empty_value_clears_a_field_and_an_absent_one_leaves_it() -> None:
    assert changes(PROFILE, {"background": ""}) == ["background"]
    assert changes(PROFILE, {}) == []


def test_a_secret_that_is_not_shown_stays_when_its_neighbours_change() -> None:
    shown = yaml.safe_load(to_yaml(LOCATION))
    shown["s3"]["prefix"] = "p"
    assert changes(LOCATION, shown) == ["s3.prefix"]
    shown["s3"]["secret_access_key"] = "new"
    assert changes(LOCATION, shown) == ["s3.prefix", "s3.secret_access_key"]


def test_another_provider_is_a_change_as_a_whole() -> None:
    assert changes(LOCATION, {"local": {"directory": "/srv"}}) == ["local"]


def test_a_field_that_there_is_not_is_told() -> None:
    with pytest.raises(typer.BadParameter, match="grant"):
        parse_into(Role(), {"grant": []})
