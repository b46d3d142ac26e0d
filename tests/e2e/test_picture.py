"""A picture goes in at one end and comes out at the other, right in every format and size."""

from __future__ import annotations

import asyncio
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from picstore.catalog.v1.conversion_pb2 import FORMAT_AVIF, FORMAT_JPEG, FORMAT_WEBP
from picstore.catalog.v1.image_pb2 import Image, Output
from picstore_kit.ids import ImageId, ProjectId
from tests.pictures import decoded, reference, similarity
from tests.stack import LiveStack

pytestmark = pytest.mark.timeout(180)

MIN_SIMILARITY = 0.90
"""SSIM of an output to the full-resolution reference; encoders at their default qualities."""


async def upload(
    stack: LiveStack, project_id: ProjectId, path: Path, *, alt_text: str = ""
) -> Image:
    async with stack.client() as client:
        image = await client.quick_upload(project_id, path, alt_text=alt_text)
        return await client.wait_ready(ImageId(image.id))


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_every_output_can_be_fetched_and_looks_like_the_original(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    image = asyncio.run(upload(stack, project_id, fresh_photo, alt_text="A drawing"))

    ready = [output for output in image.outputs if output.state == Output.STATE_READY]
    assert {output.spec.format for output in ready} == {FORMAT_AVIF, FORMAT_WEBP, FORMAT_JPEG}
    assert {output.width for output in ready} == {320, 640, 960, 1280, 1600}
    assert (image.width, image.height, image.alt_text) == (1600, 1200, "A drawing")
    assert image.placeholder.thumbhash
    assert image.placeholder.dominant_colour.startswith("#")
    source = fresh_photo.read_bytes()
    for output in ready:
        answer = httpx.get(output.url)  # without any credential, as a browser
        assert answer.status_code == 200
        assert answer.headers["content-type"] == output.mime_type
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert len(answer.content) == output.size_bytes
        pixels = decoded(answer.content)
        assert pixels.shape == (output.height, output.width, 3)
        score = similarity(pixels, reference(source, output.width, output.height))
        assert score >= MIN_SIMILARITY, f"{output.mime_type} {output.width}: {score}"


def test_the_tag_names_only_urls_that_load(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    image = asyncio.run(upload(stack, project_id, fresh_photo, alt_text='<"quoted" & more>'))
    with stack.http() as http:
        picture = http.get(f"/api/v1/images/{image.id}/picture").json()

    tags = Tags()
    tags.feed(picture["html"])
    sources = [attributes for tag, attributes in tags.found if tag == "source"]
    (img,) = [attributes for tag, attributes in tags.found if tag == "img"]
    assert [source["type"] for source in sources] == ["image/avif", "image/webp"]
    assert img["alt"] == '<"quoted" & more>'
    urls = [
        candidate.split()[0]
        for attributes in [*sources, img]
        for candidate in (attributes["srcset"] or "").split(", ")
    ]
    assert len(urls) == 15
    assert len(set(urls)) == 15
    for url in [*urls, img["src"] or ""]:
        assert httpx.head(url).status_code == 200


def test_the_original_is_private(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    image = asyncio.run(upload(stack, project_id, fresh_photo))
    url = next(output.url for output in image.outputs if output.url)
    endpoint = url.split("/picstore-outputs/")[0]

    answers = [
        httpx.get(f"{endpoint}/picstore-originals/"),
        httpx.get(f"{endpoint}/picstore-originals/website/{image.id}/1/photo.jpg"),
        httpx.get(f"{endpoint}/picstore-outputs/"),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]


def test_the_command_line_uploads_only_what_is_missing(stack: LiveStack, fresh_photo: Path) -> None:
    first = stack.picstore("picture", str(fresh_photo), "--alt", "A drawing")
    second = stack.picstore("picture", str(fresh_photo), "--alt", "A drawing")

    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert first.stdout.startswith("<picture>")
    assert first.stdout == second.stdout
    assert "uploaded" in first.stderr
    assert "uploaded" not in second.stderr


def test_the_command_line_sets_the_text_of_a_picture_that_is_there(
    stack: LiveStack, fresh_photo: Path
) -> None:
    stack.picstore("picture", str(fresh_photo), "--alt", "A drawing")

    again = stack.picstore("picture", str(fresh_photo), "--alt", "Another word for it")

    assert again.returncode == 0, again.stderr
    assert 'alt="Another word for it"' in again.stdout


def test_a_form_and_a_raw_body_bring_the_same_picture(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    path = f"/api/v1/projects/{project_id}/quick_upload"
    with stack.http() as http:
        raw = http.post(
            path,
            content=fresh_photo.read_bytes(),
            params={"filename": "dog.jpg", "location": "blog/2026", "alt_text": "A dog"},
        )
        form = http.post(
            path,
            files={"file": ("dog.jpg", fresh_photo.read_bytes(), "image/jpeg")},
            params={"location": "blog/2026", "alt_text": "A dog", "on_duplicate": "create"},
        )

    assert (raw.status_code, form.status_code) == (201, 201)
    for name in ("sha256", "filename", "location", "alt_text", "width", "height", "size_bytes"):
        assert raw.json()[name] == form.json()[name], name
    assert raw.json()["id"] != form.json()["id"]
    assert raw.headers["location"] == f"/api/v1/images/{raw.json()['id']}"


def test_a_picture_can_be_announced_first(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    with stack.http() as http:
        announced = http.post(
            f"/api/v1/projects/{project_id}/images",
            json={"filename": "later.jpg", "upload_profile": "photos"},
        )
        assert announced.status_code == 201, announced.text
        image_id = announced.json()["id"]
        early = http.get(f"/api/v1/images/{image_id}/picture")
        sent = http.post(f"/api/v1/images/{image_id}/upload", content=fresh_photo.read_bytes())
        again = http.post(
            f"/api/v1/images/{image_id}/upload",
            content=fresh_photo.read_bytes(),
            params={"on_duplicate": "refuse"},
        )

    assert announced.json()["state"] == "STATE_AWAITING_UPLOAD"
    assert (early.status_code, early.json()["reason"]) == (409, "STATE_WRONG")
    assert (sent.status_code, sent.json()["id"]) == (200, image_id)
    assert (again.status_code, again.json()["reason"]) == (409, "IMAGE_DUPLICATE")

    async def wait() -> Image:
        async with stack.client() as client:
            return await client.wait_ready(ImageId(image_id))

    assert asyncio.run(wait()).state == Image.STATE_READY
