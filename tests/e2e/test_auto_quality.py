"""A profile that asks for a look instead of a quality, from its document to what callers see."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from picstore.catalog.v1.conversion_pb2 import FORMAT_AVIF, FORMAT_JPEG
from picstore.catalog.v1.image_pb2 import Image, Output
from picstore_kit.ids import ImageId, ProjectId
from tests.pictures import decoded, photo, reference, similarity
from tests.stack import LiveStack

pytestmark = pytest.mark.timeout(180)

TARGET = 78.0
TOLERANCE = 0.5
DOCUMENT = f"""
team:
  short_name: demo
conversion_profiles:
  - short_name: as-good-as
    formats:
      - format: avif
        auto_quality: {TARGET:g}
      - format: jpeg
        auto_quality: {{ metric: ssimulacra2, target: {TARGET:g}, max_quality: 94 }}
    sizes:
      - width: 400
upload_profiles:
  - project: website
    short_name: as-good-as
    originals_location: originals
    outputs_location: outputs
    conversion_profile: as-good-as
"""


def uploaded(stack: LiveStack, path: str, content: bytes, **params: str) -> Image:
    """Send a picture and wait for all that is made of it."""
    with stack.http() as http:
        answer = http.post(path, content=content, params={"filename": "a.jpg", **params})
        assert answer.is_success, answer.text

    async def ready() -> Image:
        async with stack.client() as client:
            return await client.wait_ready(ImageId(answer.json()["id"]))

    return asyncio.run(ready())


def test_outputs_look_as_good_as_the_profile_asks_and_say_so(
    stack: LiveStack, project_id: ProjectId, tmp_path: Path
) -> None:
    (document := tmp_path / "profile.yaml").write_text(DOCUMENT)
    stack.bootstrap(document)
    original = photo(900, 700, seed="as good as")

    image = uploaded(
        stack,
        f"/api/v1/projects/{project_id}/quick_upload",
        original,
        upload_profile="as-good-as",
    )

    assert {output.spec.format for output in image.outputs} == {FORMAT_AVIF, FORMAT_JPEG}
    for output in image.outputs:
        assert output.state == Output.STATE_READY
        assert output.spec.auto_quality.target == TARGET
        assert output.spec.quality == 0
        assert 1 <= output.quality <= 94
        assert TARGET - TOLERANCE <= output.score < TARGET + 3
        pixels = decoded(httpx.get(output.url).content)
        assert similarity(pixels, reference(original, output.width, output.height)) > 0.85
    with stack.http() as http:
        answer = http.get(f"/api/v1/images/{image.id}:explain")
    assert answer.status_code == 200, answer.text
    (explained,) = answer.json()["generations"]
    for made in explained["outputs"]:
        assert made["recipe"]["metric"] == "ssimulacra2"
        assert made["recipe"]["score"] == pytest.approx(made["output"]["score"])
