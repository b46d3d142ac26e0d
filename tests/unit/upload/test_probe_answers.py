"""What is believed of the process that reads headers."""

from __future__ import annotations

from typing import Any

import pytest

from picstore_imaging.facts import Probe
from picstore_imaging.formats import SourceFormat
from picstore_imaging.limits import Limits
from picstore_kit.errors import PicstoreError, Reason
from picstore_kit.ids import ImageId, LocationId, ProjectId, UploadProfileId, new_id
from picstore_upload.model import Destination, read_probe, tightened

SIZE = 5000
GOOD = Probe(format=SourceFormat.JPEG, width=120, height=80, bytes=SIZE).to_json()
LIMITS = Limits(pixels=10_000)


def read(**changes: Any) -> Probe:
    answer = {**GOOD, **changes}
    return read_probe(answer, format=SourceFormat.JPEG, size=SIZE, limits=LIMITS)


def test_a_sensible_answer_is_believed() -> None:
    assert read() == Probe.from_json(GOOD)


@pytest.mark.parametrize(
    "lie",
    [
        {"width": 0},
        {"height": -80},
        {"width": "120"},
        {"width": 120.5},
        {"width": None},
        {"height": 2**31},
        {"frames": []},
        {"format": "png"},
        {"format": "exe"},
        {"bytes": SIZE - 1},
        {"has_alpha": "yes"},
        {"has_gps": None},
        {"icc_bytes": "many"},
        {"exif_bytes": None},
    ],
    ids=str,
)
def test_nonsense_is_a_crash_of_the_child(lie: dict[str, Any]) -> None:
    with pytest.raises(PicstoreError) as caught:
        read(**lie)
    assert caught.value.reason is Reason.CHILD_CRASHED


@pytest.mark.parametrize("field", ["format", "width", "height", "bytes"])
def test_half_an_answer_is_a_crash_of_the_child(field: str) -> None:
    answer = {name: value for name, value in GOOD.items() if name != field}
    with pytest.raises(PicstoreError) as caught:
        read_probe(answer, format=SourceFormat.JPEG, size=SIZE, limits=LIMITS)
    assert caught.value.reason is Reason.CHILD_CRASHED


def test_limits_hold_even_if_the_child_does_not_keep_them() -> None:
    with pytest.raises(PicstoreError) as caught:
        read(width=1000, height=1000)
    assert caught.value.reason is Reason.LIMIT_PIXELS


@pytest.mark.parametrize(
    ("max_bytes", "max_pixels", "expected"),
    [
        (0, 0, (100, 1000, 500)),
        (10, 700, (10, 700, 500)),
        (10, 300, (10, 300, 300)),
        (1000, 5000, (100, 1000, 500)),
    ],
)
def test_a_project_can_only_tighten_the_limits(
    max_bytes: int, max_pixels: int, expected: tuple[int, int, int]
) -> None:
    destination = Destination(
        image_id=new_id(ImageId),
        generation=1,
        project_id=new_id(ProjectId),
        upload_profile_id=new_id(UploadProfileId),
        location_id=new_id(LocationId),
        object_key="a",
        filename="a",
        location="",
        max_bytes=max_bytes,
        max_pixels=max_pixels,
    )
    limits = tightened(Limits(bytes=100, pixels=1000, pixels_whole_decode=500), destination)
    assert (limits.bytes, limits.pixels, limits.pixels_whole_decode) == expected
