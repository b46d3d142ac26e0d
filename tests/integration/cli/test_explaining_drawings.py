"""`picstore images explain` and `picstore images replay` of derived pictures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fonts import FAMILY, write_font
from tests.integration.cli.installation import Installation

pytestmark = pytest.mark.timeout(180)

CARD = """
overlay:
  canvas: {width: 400, height: 210}
  layers:
    - fill: {colour: "#00000099"}
    - text: {text: "{{title}}", font: FONT, size: {px: 40}, colour: "#ffffff"}
    - image: {image_id: "{{logo}}"}
      box: {anchor: GRAVITY_SOUTH_EAST, width: {px: 60}, height: {px: 60}}
  variables:
    - name: title
    - name: logo
"""


def do(picstore: Installation, *arguments: str | Path) -> Any:
    """Run a command that succeeds and return what it printed as JSON."""
    done = picstore.picstore(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def base_id(picstore: Installation, photo: Path) -> str:
    return str(do(picstore, "images", "lookup", photo)["id"])


@pytest.fixture
def template(
    request: pytest.FixtureRequest, picstore: Installation, tmp_path: Path
) -> Iterator[str]:
    """A template by the font of the parameter; Inter if there is none."""
    font = getattr(request, "param", "Inter")
    (path := tmp_path / "card.yaml").write_text(CARD.replace("FONT", font))
    do(picstore, "overlay-templates", "create", "explained", "-f", path)
    yield "explained"
    assert picstore.picstore("overlay-templates", "delete", "explained", "--yes").returncode == 0


@pytest.fixture
def card(picstore: Installation, base_id: str, template: str) -> str:
    """A card of the photo, with the photo in its corner: the id."""
    made = do(
        picstore,
        *("images", "derive", base_id, "--template", template),
        *("--set", "title=Hello [b]", "--set", f"logo={base_id}"),
    )
    picstore.picstore("images", "watch", made["id"])
    return str(made["id"])


def drawing_of(picstore: Installation, card: str) -> dict[str, Any]:
    (generation,) = do(picstore, "images", "explain", card)["generations"]
    (job,) = (job for job in generation["jobs"] if "render" in job)
    return dict(job)


def test_a_drawing_is_told_of_and_drawn_once_more_to_the_byte(
    picstore: Installation, base_id: str, card: str, photo: Path, tmp_path: Path
) -> None:
    job = drawing_of(picstore, card)
    done = picstore.picstore("images", "explain", card)
    assert done.returncode == 0, done.stderr
    assert f"{job['id']} draws over {base_id} (generation 1)" in done.stdout
    assert "title = Hello [b]" in done.stdout
    assert f"with {base_id} (generation 1)" in done.stdout
    assert "by libpng (libvips " in done.stdout
    done = picstore.picstore("images", "explain", card, "--only", job["id"])
    for number, step in enumerate(job["render"]["recipe"]["steps"], 1):
        assert f"{number}. {step}" in done.stdout
    assert job["render"]["base"]["source"]["sha256"] in done.stdout
    assert '"Hello [b]"' in done.stdout

    replayed = do(picstore, "images", "replay", card, "--out", tmp_path / "made")
    drawn, *outputs = replayed
    assert drawn["job_id"] == job["id"]
    assert outputs
    assert {one["verdict"] for one in replayed} == {"same"}
    path = tmp_path / "made" / f"{job['id']}.png"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == drawn["recorded"]["sha256"]
    assert drawn["recipe"]["steps"] == job["render"]["recipe"]["steps"]

    # With what it is drawn from at hand; and its outputs of what it drew.
    (alone,) = do(picstore, "images", "replay", card, "--only", job["id"], "--file", photo)
    assert alone["verdict"] == "same"
    only = outputs[0]["output_id"]
    (made,) = do(picstore, "images", "replay", card, "--only", only, "--file", path)
    assert made["verdict"] == "same"


@pytest.mark.parametrize("template", [FAMILY], indirect=True)
def test_a_drawing_that_failed_is_told_of_and_fails_again(
    picstore: Installation, base_id: str, card: str, tmp_path: Path
) -> None:
    job = drawing_of(picstore, card)
    assert (job["state"], job["failure_reason"]) == ("STATE_FAILED", "FONT_UNKNOWN")
    done = picstore.picstore("images", "explain", card)
    assert "generation 1 (not served)" in done.stdout
    assert "which is not drawn" in done.stdout
    assert "FONT_UNKNOWN: there is no font" in done.stdout
    assert f"{job['id']} draws over {base_id} (generation 1)" in done.stdout

    (fonts_dir := tmp_path / "fonts").mkdir()
    done = picstore.picstore("images", "replay", card, "--fonts-dir", fonts_dir)
    assert done.returncode == 1
    assert "failed: FONT_UNKNOWN" in done.stdout
    write_font(fonts_dir)
    done = picstore.picstore("images", "replay", card, "--fonts-dir", fonts_dir)
    assert done.returncode == 1
    assert "made, recorded: FONT_UNKNOWN" in done.stdout, done.stderr


def test_what_only_reproduces_is_for_who_may_read_originals(
    picstore: Installation, base_id: str, card: str
) -> None:
    key = picstore.picstore("keys", "create", "--grant", "image:read", "--expires", "1d", "--quiet")
    reader = {"PICSTORE_API_KEY": key.stdout.strip(), "PICSTORE_URL": picstore.url}
    done = picstore.picstore("images", "explain", card, environ=reader)
    assert done.returncode == 0, done.stderr
    assert f"draws over {base_id} (generation 1)" in done.stdout
    assert "image:original" in done.stderr
    assert "image:original" not in picstore.picstore("images", "explain", card).stderr

    refused = picstore.picstore("images", "replay", card, "--json", environ=reader)
    assert refused.returncode == 4
    error = json.loads(refused.stderr)["error"]
    assert error["reason"] == "PERMISSION_MISSING"
    assert "image:original" in error["message"]


def test_a_file_that_nothing_is_drawn_from_is_refused(
    picstore: Installation, card: str, photo: Path, tmp_path: Path
) -> None:
    (other := tmp_path / "other.jpg").write_bytes(photo.read_bytes() + b"\0")
    done = picstore.picstore("images", "replay", card, "--file", photo, "--file", other)
    assert done.returncode == 2
    assert "nor one that it is drawn from" in done.stderr
