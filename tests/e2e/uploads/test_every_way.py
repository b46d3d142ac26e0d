"""One suite for every way to send a picture: the same bytes in, the same picture out."""

from __future__ import annotations

import hashlib

import pytest

from picstore_kit.ids import ProjectId
from tests.e2e.uploads.ways import WAYS, File, Refused, Way
from tests.pictures import photo
from tests.stack import LiveStack

pytestmark = pytest.mark.timeout(300)

DATA = photo(640, 480, seed="every way") + hashlib.shake_256(b"noise").digest(6_000_000)
"""A part, and a rest; what follows the end of a JPEG is no fault."""

ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def ready(stack: LiveStack, image_id: str) -> dict[str, object]:
    with stack.http() as http:
        answer = http.get(f"/api/v1/images/{image_id}", params={"wait": "60s"})
    image: dict[str, object] = answer.json()
    assert image["state"] == "STATE_READY", image
    return image


@pytest.fixture(scope="module")
def outputs(stack: LiveStack, project_id: ProjectId) -> list[tuple[object, ...]]:
    """The outputs of `DATA`, as the first way makes them."""
    first = WAYS["HTTP body"](stack, project_id, File(data=DATA))
    return outputs_of(ready(stack, first))


def outputs_of(image: dict[str, object]) -> list[tuple[object, ...]]:
    made = image["outputs"]
    assert isinstance(made, list)
    return sorted(
        (output["mime_type"], output["width"], output["sha256"])
        for output in made
        if output["state"] == "STATE_READY" and output["mime_type"] != "image/avif"
    )


@ways
def test_the_same_bytes_make_the_same_picture(
    stack: LiveStack, project_id: ProjectId, outputs: list[tuple[object, ...]], way: Way
) -> None:
    image = ready(
        stack, way(stack, project_id, File(data=DATA, on_duplicate="create", filename="a.jpg"))
    )
    assert image["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert (image["width"], image["height"], image["format"]) == (640, 480, "FORMAT_JPEG")
    assert image["size_bytes"] == str(len(DATA))
    assert image["trailing_bytes"] == "6000000"
    assert image["filename"] == "a.jpg"
    assert outputs
    assert outputs_of(image) == outputs


@ways
def test_bytes_that_are_there_are_the_picture_that_is_there(
    stack: LiveStack, project_id: ProjectId, way: Way
) -> None:
    data = photo(200, 100, seed=f"twice {way}")
    first = way(stack, project_id, File(data=data))
    assert way(stack, project_id, File(data=data)) == first
    with pytest.raises(Refused, match="IMAGE_DUPLICATE"):
        way(stack, project_id, File(data=data, on_duplicate="refuse"))


BAD = {
    "no picture": (b"<html>" * 1_000, "", "IMAGE_UNRECOGNISED"),
    "cut short": (photo(300, 200, seed="cut")[:-200], "", "IMAGE_TRUNCATED"),
    "a type that lies": (photo(64, 64, seed="a lie"), "image/png", "IMAGE_TYPE_MISMATCH"),
    "a format that is not taken": (
        b"BM" + bytes(12) + b"\x28\0\0\0" + bytes(1_000),
        "",
        "IMAGE_FORMAT_UNSUPPORTED",
    ),
}

bad = [
    pytest.param(way, *BAD[what], id=f"{name}, {what}")
    for name, way in WAYS.items()
    for what in BAD
    # A bucket's types are what somebody once said; they declare nothing.
    if (name, what) != ("import from a bucket", "a type that lies")
]


@pytest.mark.parametrize(("way", "data", "content_type", "reason"), bad)
def test_what_is_no_good_is_refused_by_its_reason(
    stack: LiveStack,
    project_id: ProjectId,
    way: Way,
    data: bytes,
    content_type: str,
    reason: str,
) -> None:
    name = "photo.png" if content_type else "photo.jpg"
    with pytest.raises(Refused) as caught:
        way(stack, project_id, File(data=data, content_type=content_type, filename=name))
    assert caught.value.reason == reason


def test_nothing_is_left_of_all_that(stack: LiveStack) -> None:
    """Last in this file: whatever was refused, duplicate or late is gone from the bucket."""
    stack.assert_no_upload_left_anything()
