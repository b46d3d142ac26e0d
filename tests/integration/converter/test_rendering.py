"""Derived pictures: from a base picture and a template to outputs, through all that takes part."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image as Pillow

from picstore.catalog.v1 import conversion_pb2, overlay_pb2
from picstore.catalog.v1.image_pb2 import Image, Output
from picstore.catalog.v1.image_service_pb2 import CreateDerivedImageRequest
from picstore.catalog.v1.overlay_template_pb2 import (
    CreateOverlayTemplateRequest,
    DeleteOverlayTemplateRequest,
    OverlayTemplate,
)
from picstore.upload.v1 import upload_pb2
from picstore_kit.errors import Reason
from tests.integration.converter.conftest import (
    Factory,
    KilledAtWork,
    StartConverter,
)
from tests.integration.upload.pictures import chunks, jpeg

WIDTH, HEIGHT = 400, 210
TITLE = overlay_pb2.Box(
    anchor=conversion_pb2.GRAVITY_NORTH_WEST,
    x=overlay_pb2.Length(px=20),
    y=overlay_pb2.Length(px=20),
    width=overlay_pb2.Length(px=360),
    height=overlay_pb2.Length(px=80),
)


def card(font: str = "Inter", *, logo: str = "", refuses: bool = False) -> overlay_pb2.Overlay:
    """White letters on black in the upper half, and perhaps a picture in the lower right corner."""
    refuse = overlay_pb2.TextLayer.OVERFLOW_REFUSE
    layers = [
        overlay_pb2.Layer(fill=overlay_pb2.FillLayer(colour="#000000")),
        overlay_pb2.Layer(
            box=TITLE,
            text=overlay_pb2.TextLayer(
                text="{{title}}",
                font=font,
                size=overlay_pb2.Length(px=40),
                colour="#ffffff",
                overflow=refuse if refuses else overlay_pb2.TextLayer.OVERFLOW_UNSPECIFIED,
            ),
        ),
    ]
    if logo:
        layers.append(
            overlay_pb2.Layer(
                box=overlay_pb2.Box(
                    anchor=conversion_pb2.GRAVITY_SOUTH_EAST,
                    width=overlay_pb2.Length(px=60),
                    height=overlay_pb2.Length(px=60),
                ),
                image=overlay_pb2.ImageLayer(image_id=logo, fit=conversion_pb2.FIT_FILL),
            )
        )
    return overlay_pb2.Overlay(
        canvas=overlay_pb2.Canvas(width=WIDTH, height=HEIGHT),
        layers=layers,
        variables=[overlay_pb2.Variable(name="title")],
    )


async def derive(
    factory: Factory, overlay: overlay_pb2.Overlay, *, title: str = "Hello, world"
) -> Image:
    """Derive a picture of a new one by a new template."""
    base_id = await factory.upload()
    await factory.installed.overlay_templates.CreateOverlayTemplate(
        CreateOverlayTemplateRequest(
            overlay_template=OverlayTemplate(short_name="card", overlay=overlay)
        )
    )
    return await factory.installed.images.CreateDerivedImage(
        CreateDerivedImageRequest(
            image_id=base_id, overlay_template="card", variables={"title": title}
        )
    )


async def original(factory: Factory, image_id: str) -> Pillow.Image:
    """The original of a picture as another decoder sees it."""
    rows = await factory.installed.catalog_rows("SELECT image_id, object_key FROM originals")
    (key,) = (key for owner, key in rows if owner == image_id)
    blocks = [block async for block in factory.installed.store.get_range(key)]
    picture = Pillow.open(io.BytesIO(b"".join(blocks)))
    picture.load()
    assert picture.format == "PNG"
    return picture


async def nothing_is_left(factory: Factory) -> None:
    """Assert that every original in the bucket is one of a picture."""
    stored = [key for key in await factory.installed.objects() if "/web/" not in key]
    originals = await factory.installed.catalog_rows("SELECT object_key FROM originals")
    assert stored == sorted(key for (key,) in originals)


def ink(picture: Pillow.Image, box: tuple[int, int, int, int]) -> int:
    """How many pixels of a part are lighter than grey."""
    return sum(picture.convert("L").crop(box).histogram()[128:])


async def test_a_card_is_drawn_and_converted_like_any_other_picture(
    factory: Factory, converter: StartConverter
) -> None:
    async with converter():
        made = await derive(factory, card())
        assert made.state == Image.STATE_CONVERTING
        image = await factory.settled(made.id)

    assert (image.state, image.failure_message) == (Image.STATE_READY, "")
    assert (image.width, image.height) == (WIDTH, HEIGHT)
    assert image.format == conversion_pb2.FORMAT_PNG
    assert image.filename == "photo-card.png"
    assert image.placeholder.thumbhash
    assert [output.state for output in image.outputs] == [Output.STATE_READY] * 4
    drawn = await original(factory, image.id)
    assert drawn.size == (WIDTH, HEIGHT)
    assert ink(drawn, (20, 20, 380, 100)) > 300
    assert ink(drawn, (0, 100, WIDTH, HEIGHT)) == 0
    await nothing_is_left(factory)


async def test_another_picture_is_drawn_over_it(
    factory: Factory, converter: StartConverter
) -> None:
    white = io.BytesIO()
    Pillow.new("RGB", (80, 80), "white").save(white, "PNG")
    async with converter():
        logo = await factory.upload(white.getvalue())
        image = await factory.settled((await derive(factory, card(logo=logo))).id)

    drawn = await original(factory, image.id)
    assert ink(drawn, (WIDTH - 60, HEIGHT - 60, WIDTH, HEIGHT)) == 60 * 60
    assert ink(drawn, (0, 100, WIDTH - 60, HEIGHT)) == 0


async def test_a_canvas_that_the_picture_is_put_inside_is_no_larger_than_it(
    factory: Factory, converter: StartConverter
) -> None:
    overlay = card()
    overlay.canvas.fit = conversion_pb2.FIT_INSIDE
    async with converter():
        image = await factory.settled((await derive(factory, overlay)).id)

    assert (image.state, image.width, image.height) == (Image.STATE_READY, 120, 80)


@pytest.mark.parametrize(
    ("overlay", "title", "reason"),
    [
        (card("No Such Font"), "Hello", Reason.FONT_UNKNOWN),
        (card(refuses=True), "Hello, world " * 40, Reason.TEXT_OVERFLOWS),
    ],
)
async def test_what_can_not_be_drawn_fails_at_once_with_the_reason(
    factory: Factory,
    converter: StartConverter,
    overlay: overlay_pb2.Overlay,
    title: str,
    reason: Reason,
) -> None:
    async with converter():
        image = await factory.settled((await derive(factory, overlay, title=title)).id)

    assert (image.state, image.failure_reason) == (Image.STATE_FAILED, reason)
    assert image.failure_message
    assert ("FAILED", 1, reason.value) in await factory.jobs()
    await nothing_is_left(factory)


async def test_a_child_that_dies_costs_an_attempt(
    factory: Factory, converter: StartConverter
) -> None:
    made = await derive(factory, card())
    # The base picture is converted by children that live.
    async with converter():
        await factory.settled(made.derived_from.image_id)
        await factory.settled(made.id)
    again = await factory.installed.images.CreateDerivedImage(
        CreateDerivedImageRequest(
            image_id=made.derived_from.image_id,
            overlay_template="card",
            variables={"title": "Once more"},
        )
    )
    async with converter(children=KilledAtWork):
        image = await factory.settled(again.id)

    assert image.state == Image.STATE_READY
    assert ("DONE", 2, Reason.CHILD_CRASHED.value) in await factory.jobs()
    await nothing_is_left(factory)


async def test_a_template_may_go_before_the_picture_is_drawn(
    factory: Factory, converter: StartConverter
) -> None:
    made = await derive(factory, card())
    await factory.installed.overlay_templates.DeleteOverlayTemplate(
        DeleteOverlayTemplateRequest(overlay_template_id=made.derived_from.overlay_template_id)
    )

    async with converter():
        image = await factory.settled(made.id)

    assert image.state == Image.STATE_READY
    assert image.derived_from == made.derived_from


async def test_an_uploaded_original_takes_the_place_of_one_that_was_drawn(
    factory: Factory, converter: StartConverter
) -> None:
    made = await derive(factory, card())

    def messages() -> Iterator[upload_pb2.UploadImageRequest]:
        header = upload_pb2.UploadImageHeader(image_id=made.id)
        yield upload_pb2.UploadImageRequest(header=header)
        for chunk in chunks(jpeg(100, 60)):
            yield upload_pb2.UploadImageRequest(chunk=chunk)
        yield upload_pb2.UploadImageRequest(end=upload_pb2.End())

    await factory.installed.uploads.UploadImage(messages())

    async with converter():
        image = await factory.settled(made.id)

    assert image.state == Image.STATE_READY
    assert image.format == conversion_pb2.FORMAT_JPEG
    assert image.derived_from == made.derived_from
    assert ("DONE", 0, None) in await factory.jobs()  # the one that was to draw
    await nothing_is_left(factory)
