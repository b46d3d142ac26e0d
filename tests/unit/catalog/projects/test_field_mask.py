"""Which fields an update changes."""

from __future__ import annotations

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import given
from hypothesis import strategies as st

from picstore.catalog.v1.conversion_profile_pb2 import ConversionProfile
from picstore.catalog.v1.project_pb2 import Project
from picstore.catalog.v1.upload_profile_pb2 import UploadProfile
from picstore_catalog.mapping import conversion_profile, project, upload_profile
from picstore_catalog.mapping.field_mask import masked_fields
from picstore_kit.errors import InvalidFields

CHANGEABLE = project.CHANGEABLE


@given(st.sets(st.sampled_from(sorted(CHANGEABLE)), min_size=1))
def test_a_mask_of_changeable_fields_is_taken_as_it_is(paths: set[str]) -> None:
    assert masked_fields(FieldMask(paths=paths), Project(), changeable=CHANGEABLE) == paths


@given(st.text().filter(lambda path: path not in CHANGEABLE and path != "*"))
def test_anything_else_in_a_mask_is_refused(path: str) -> None:
    mask = FieldMask(paths=["max_bytes", path])

    with pytest.raises(InvalidFields) as refused:
        masked_fields(mask, Project(), changeable=CHANGEABLE)

    assert len(refused.value.violations) == 1


def test_an_empty_mask_means_what_is_set_and_can_change() -> None:
    message = Project(id="prj_x", short_name="blog", max_bytes=1, etag="1")

    assert masked_fields(FieldMask(), message, changeable=CHANGEABLE) == {"max_bytes"}


def test_a_star_means_everything_that_can_change() -> None:
    assert masked_fields(FieldMask(paths=["*"]), Project(), changeable=CHANGEABLE) == CHANGEABLE


@pytest.mark.parametrize(
    ("message", "changeable"),
    [
        (Project, project.CHANGEABLE),
        (ConversionProfile, conversion_profile.CHANGEABLE),
        (UploadProfile, upload_profile.CHANGEABLE),
    ],
)
def test_what_can_change_is_in_the_contract(
    message: type[Project | ConversionProfile | UploadProfile], changeable: frozenset[str]
) -> None:
    assert changeable <= set(message.DESCRIPTOR.fields_by_name)
    assert not changeable & {"id", "project_id", "short_name", "base_path", "etag", "revision"}
