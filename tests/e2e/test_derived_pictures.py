"""Social cards: from a photo and a template to a picture tag, over HTTP alone."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image as Pillow
from PIL import ImageChops

from picstore.catalog.v1.image_pb2 import Image, Output
from picstore_kit.errors import FailedPrecondition, Reason
from picstore_kit.ids import ProjectId
from tests.stack import LiveStack

pytestmark = pytest.mark.timeout(180)

WIDTH, HEIGHT = 1200, 630
BOX = (60, 400, 1140, 600)
"""Where the title is: left, top, right, bottom."""


def card(font: str = "Inter") -> dict[str, Any]:
    """A photo with a dark bar, and a title on it."""
    at = {
        "anchor": "GRAVITY_NORTH_WEST",
        "x": {"px": BOX[0]},
        "y": {"px": BOX[1]},
        "width": {"px": BOX[2] - BOX[0]},
        "height": {"px": BOX[3] - BOX[1]},
    }
    title = {"text": "{{title}}", "font": font, "size": {"px": 90}, "colour": "#ffffff"}
    return {
        "short_name": f"card-{uuid4().hex[:8]}",
        "overlay": {
            "canvas": {"width": WIDTH, "height": HEIGHT},
            "layers": [
                {"fill": {"colour": "#000000"}, "box": at},
                {"text": title, "box": at},
            ],
            "variables": [{"name": "title"}],
        },
    }


def make_template(http: httpx.Client, template: dict[str, Any]) -> str:
    answer = http.post("/api/v1/overlay_templates", json=template)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["short_name"])


async def upload(stack: LiveStack, project_id: ProjectId, path: Path) -> Image:
    async with stack.client() as client:
        return await client.quick_upload(project_id, path)


async def derive(stack: LiveStack, base_id: str, template: str) -> Image:
    async with stack.client() as client:
        return await client.derive(base_id, template, {"title": "Hello, world"}, wait=120)


def test_a_social_card_is_made_of_a_photo(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    base = asyncio.run(upload(stack, project_id, fresh_photo))
    with stack.http() as http:
        template = make_template(http, card())

    image = asyncio.run(derive(stack, base.id, template))

    assert (image.width, image.height) == (WIDTH, HEIGHT)
    assert image.derived_from.image_id == base.id
    assert image.derived_from.sha256 == base.sha256
    ready = [output for output in image.outputs if output.state == Output.STATE_READY]
    assert {output.mime_type for output in ready} == {"image/avif", "image/webp", "image/jpeg"}
    widest = max((o for o in ready if o.mime_type == "image/jpeg"), key=lambda o: o.width)
    shown = Pillow.open(io.BytesIO(httpx.get(widest.url).content)).convert("L")
    assert shown.size == (WIDTH, HEIGHT)
    letters = sum(shown.crop(BOX).histogram()[200:])
    assert 3_000 < letters < (BOX[2] - BOX[0]) * (BOX[3] - BOX[1]) / 2
    # Above the bar it is the photo.
    photo = Pillow.open(fresh_photo).convert("L").resize((WIDTH, WIDTH * 3 // 4))
    above = (0, 0, WIDTH, 380)
    top = (WIDTH * 3 // 4 - HEIGHT) // 2
    expected = photo.crop((0, top, WIDTH, top + 380))
    histogram = ImageChops.difference(shown.crop(above), expected).histogram()
    mean = sum(value * count for value, count in enumerate(histogram)) / sum(histogram)
    assert mean < 12
    with stack.http() as http:
        picture = http.get(f"/api/v1/images/{image.id}/picture").json()
        assert f'width="{WIDTH}"' in picture["html"]


def test_a_font_that_nobody_has_fails_the_picture_and_says_which_there_are(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    base = asyncio.run(upload(stack, project_id, fresh_photo))
    with stack.http() as http:
        template = make_template(http, card("Interr"))

    with pytest.raises(FailedPrecondition) as failed:
        asyncio.run(derive(stack, base.id, template))

    assert failed.value.reason is Reason.FONT_UNKNOWN
    assert "Inter" in failed.value.message


def test_what_is_wrong_is_said_at_once(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    base = asyncio.run(upload(stack, project_id, fresh_photo))
    with stack.http() as http:
        template = make_template(http, card())
        for body, status, reason in (
            ({"overlay_template": template}, 400, "FIELD_INVALID"),
            ({"overlay_template": "nothing"}, 404, "RESOURCE_NOT_FOUND"),
            ({}, 400, "FIELD_INVALID"),
        ):
            answer = http.post(f"/api/v1/images/{base.id}:derive", json=body)
            assert (answer.status_code, answer.json()["reason"]) == (status, reason)
