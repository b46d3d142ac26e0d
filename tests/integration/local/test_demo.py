"""The demonstration's photo."""

from __future__ import annotations

from PIL import Image

from picstore_local.demo import demo_photo


def test_the_demo_photo_is_a_whole_picture_of_a_useful_size() -> None:
    photo = demo_photo()
    with Image.open(photo.path) as image:
        image.load()
        assert (image.format, image.size) == ("JPEG", (1000, 872))
    assert "public domain" in photo.credit
