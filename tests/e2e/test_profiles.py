"""Conditions, clamping, merging and densities of a profile, as pages and callers meet them."""

from __future__ import annotations

import asyncio
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from PIL import Image as Pillow

from picstore.catalog.v1.conversion_pb2 import Format
from picstore.catalog.v1.image_pb2 import Image, Output
from picstore_kit.ids import ImageId, ProjectId
from tests.pictures import decoded, photo, reference, similarity
from tests.stack import LiveStack

pytestmark = pytest.mark.timeout(180)

WIDTH, HEIGHT = 900, 700
DOCUMENT = """
team:
  short_name: demo
conversion_profiles:
  - short_name: conditions
    formats:
      - format: jpeg
      - format: webp
        only_from: [png]
    sizes:
      - width: 300
      - width: 5000
      - width: 900
      - { width: 2000, when: only_downsize }
      - { width: 400, when: only_upsize, enlarge: true }
      - { width: 1200, enlarge: true }
  - short_name: dense
    formats:
      - format: webp
      - format: jpeg
    sizes:
      - { width: 300, densities: [1, { ratio: 2, quality: 40 }, 4] }
  - short_name: no-larger
    skip_if_larger_percent: 0
    formats:
      - { format: avif, quality: 30, effort: 0 }
      - { format: webp, lossless: true }
      - { format: jpeg, quality: 95 }
    sizes:
      - width: 300
upload_profiles:
  - &uploads
    project: website
    short_name: conditions
    originals_location: originals
    outputs_location: outputs
    conversion_profile: conditions
  - <<: *uploads
    short_name: dense
    conversion_profile: dense
  - <<: *uploads
    short_name: no-larger
    conversion_profile: no-larger
"""

Made = tuple[str, int, str]
"""Format, width and what became of an output."""


def uploaded(
    stack: LiveStack, project_id: ProjectId, content: bytes, *, upload_profile: str
) -> Image:
    """Send a picture and wait for all that is made of it."""
    with stack.http() as http:
        answer = http.post(
            f"/api/v1/projects/{project_id}/quick_upload",
            content=content,
            params={"filename": "a", "upload_profile": upload_profile},
        )
        assert answer.is_success, answer.text

    async def ready() -> Image:
        async with stack.client() as client:
            return await client.wait_ready(ImageId(answer.json()["id"]))

    return asyncio.run(ready())


def made_of(image: Image) -> list[Made]:
    """Name every output in the profile's order; the width of one that is made is the file's own."""
    made = []
    for output in image.outputs:
        format = Format.Name(output.spec.format).removeprefix("FORMAT_").lower()
        if output.state == Output.STATE_READY:
            pixels = decoded(httpx.get(output.url).content)
            assert pixels.shape[:2] == (output.height, output.width)
            made.append((format, pixels.shape[1], "READY"))
        else:
            assert output.state == Output.STATE_SKIPPED
            assert not output.url
            made.append((format, output.spec.width, output.reason))
    return made


@pytest.fixture(scope="module", autouse=True)
def profiles(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The profiles, and ways to upload by them."""
    (document := tmp_path_factory.mktemp("profiles") / "profiles.yaml").write_text(DOCUMENT)
    stack.bootstrap(document)


def test_what_is_not_made_says_why_and_nothing_is_made_twice(
    stack: LiveStack, project_id: ProjectId
) -> None:
    original = photo(WIDTH, HEIGHT, seed="conditions")

    image = uploaded(stack, project_id, original, upload_profile="conditions")

    assert [one for one in made_of(image) if one[0] == "jpeg"] == [
        ("jpeg", 300, "READY"),
        ("jpeg", WIDTH, "READY"),  # 5,000 px, clamped
        ("jpeg", WIDTH, "SAME_AS_ANOTHER"),
        ("jpeg", WIDTH, "WOULD_ENLARGE"),
        ("jpeg", 400, "WOULD_REDUCE"),
        ("jpeg", 1200, "READY"),
    ]
    assert {reason for format, _, reason in made_of(image) if format == "webp"} == {
        "CONDITION_NOT_MET"
    }
    for output in image.outputs:
        if output.state == Output.STATE_READY:
            pixels = decoded(httpx.get(output.url).content)
            like = reference(original, output.width, output.height)
            assert similarity(pixels, like) > 0.85, output.width


class Sources(HTMLParser):
    """Collects what a page may load, by the tag and its type."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("srcset"):
            self.found[given.get("type") or tag] = given["srcset"] or ""


def test_two_x_is_real_smaller_for_its_size_and_paired_within_its_format(
    stack: LiveStack, project_id: ProjectId
) -> None:
    original = photo(WIDTH, HEIGHT, seed="dense")

    image = uploaded(stack, project_id, original, upload_profile="dense")

    found = {
        (output.spec.format, output.spec.density): output
        for output in image.outputs
        if output.state == Output.STATE_READY
    }
    # For 4x the original has too few pixels: 900 of 1,200, which is 3x.
    assert sorted(density for _, density in found) == [1, 1, 2, 2, 3, 3]
    for (_, density), output in found.items():
        assert output.width == 300 * density
        assert output.spec.quality == 40 or density != 2
        pixels = decoded(httpx.get(output.url).content)
        assert similarity(pixels, reference(original, output.width, output.height)) > 0.8
    with stack.http() as http:
        html = http.get(f"/api/v1/images/{image.id}/picture").json()["html"]
    sources = Sources()
    sources.feed(html)
    assert set(sources.found) == {"image/webp", "img"}
    for kind, srcset in sources.found.items():
        extension = "webp" if kind == "image/webp" else "jpg"
        entries = [entry.split() for entry in srcset.split(",")]
        assert [density for _, density in entries] == ["1x", "2x", "3x"]
        assert all(url.endswith(f".{extension}") for url, _ in entries)
        assert len({url for url, _ in entries}) == 3
        assert "@2x" in entries[1][0]


def test_a_condition_holds_by_what_the_original_is(
    stack: LiveStack, project_id: ProjectId, tmp_path: Path
) -> None:
    Pillow.effect_noise((WIDTH, HEIGHT), 40).save(path := tmp_path / "a.png")

    image = uploaded(stack, project_id, path.read_bytes(), upload_profile="conditions")

    ready = {(format, width) for format, width, state in made_of(image) if state == "READY"}
    assert ready == {(format, width) for format in ("jpeg", "webp") for width in (300, 900, 1200)}


def test_what_is_larger_than_a_better_format_is_not_kept(
    stack: LiveStack, project_id: ProjectId
) -> None:
    original = photo(WIDTH, HEIGHT, seed="larger")

    image = uploaded(stack, project_id, original, upload_profile="no-larger")

    # Both are larger than the AVIF; but the JPEG is what every browser can show.
    assert made_of(image) == [
        ("avif", 300, "READY"),
        ("webp", 300, "LARGER_THAN_BETTER"),
        ("jpeg", 300, "READY"),
    ]
    avif, _, jpeg = image.outputs
    assert avif.size_bytes < jpeg.size_bytes
    with stack.http() as http:
        html = http.get(f"/api/v1/images/{image.id}/picture").json()["html"]
    sources = Sources()
    sources.feed(html)
    assert "image/avif" in sources.found
    assert "webp" not in html
