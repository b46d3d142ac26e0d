"""The differences that a bootstrap tells of."""

from __future__ import annotations

from picstore_catalog.model.storage_location import (
    GivenBucket,
    S3Bucket,
    StorageLocation,
    describe_location,
)
from picstore_kit.changes import FieldChange, differences
from picstore_kit.ids import LocationId, ProjectId, new_id


def test_only_what_differs_is_told() -> None:
    told = differences({"a": "1", "b": "2", "gone": "3"}, {"a": "1", "b": "4", "new": "5"})

    assert told == (
        FieldChange(field="b", old="2", new="4"),
        FieldChange(field="gone", old="3", new=""),
        FieldChange(field="new", old="", new="5"),
    )


def test_empty_fields_of_a_new_object_are_not_told() -> None:
    assert differences({}, {"display_name": "", "max_bytes": "0"}) == (
        FieldChange(field="max_bytes", old="", new="0"),
    )


def test_a_location_is_described_by_names_and_without_its_secret() -> None:
    project_id = new_id(ProjectId)
    location = StorageLocation(
        id=new_id(LocationId),
        project_id=project_id,
        short_name="store",
        display_name="",
        provider=S3Bucket(
            endpoint="https://s3.example.com",
            region="",
            bucket="pictures",
            prefix="",
            access_key_id="key",
            sealed_secret=b"sealed",
        ),
        public_base_url="",
        cache_control="",
        operator_managed=True,
    )

    described = describe_location(location, {project_id: "blog"})

    assert described["project_id"] == "blog"
    assert not [field for field in described if "secret" in field]
    assert describe_location(location, {})["project_id"] == project_id


def test_a_secret_of_the_document_is_not_in_its_repr() -> None:
    entry = GivenBucket(
        endpoint="https://s3.example.com",
        region="",
        bucket="pictures",
        prefix="",
        access_key_id="key",
        secret_access_key="hush",
    )

    assert "hush" not in repr(entry)
