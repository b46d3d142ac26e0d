"""The lines of `picstore images watch`."""

from __future__ import annotations

import pytest

from picstore.catalog.v1.conversion_pb2 import FORMAT_AVIF, OutputSpec
from picstore.catalog.v1.image_pb2 import Image, Output
from picstore.catalog.v1.image_service_pb2 import WatchImagesResponse
from picstore_cli.telling import line_of

IMAGE = Image(
    filename="dog.jpg",
    state=Image.STATE_CONVERTING,
    width=1600,
    height=1200,
    size_bytes=162_220,
    failure_reason="IMAGE_CORRUPT",
    failure_message="it is broken",
)
OUTPUT = Output(
    spec=OutputSpec(format=FORMAT_AVIF),
    width=320,
    height=240,
    size_bytes=6190,
    url="https://img.example.com/320x240.avif",
)


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (WatchImagesResponse.KIND_CURRENT, "now       dog.jpg  converting"),
        (WatchImagesResponse.KIND_COMMITTED, "uploaded  1600×1200  162.2 kB"),
        (
            WatchImagesResponse.KIND_OUTPUT_READY,
            "output    avif  320×240  6.2 kB  https://img.example.com/320x240.avif",
        ),
        (WatchImagesResponse.KIND_READY, "ready     dog.jpg  converting"),
        (WatchImagesResponse.KIND_FAILED, "failed    it is broken (IMAGE_CORRUPT)"),
    ],
)
def test_each_kind_is_a_line(kind: WatchImagesResponse.Kind.ValueType, line: str) -> None:
    assert line_of(WatchImagesResponse(kind=kind, image=IMAGE, output=OUTPUT)) == line
