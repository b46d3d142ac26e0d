"""Social cards by the command line alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.installation import Installation

pytestmark = pytest.mark.timeout(180)

CARD = """
overlay:
  canvas: {width: 400, height: 210}
  layers:
    - fill: {colour: "#00000099"}
    - text: {text: "{{title}}", font: Inter, size: {px: 40}, colour: "#ffffff"}
  variables:
    - name: title
"""


def do(picstore: Installation, *arguments: str | Path, **options: Any) -> str:
    """Run a command that succeeds and return what it printed."""
    done = picstore.picstore(*arguments, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_card_is_made_by_a_template_that_was_edited(
    picstore: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(CARD)
    do(picstore, "overlay-templates", "create", "card", "-f", path)
    path.write_text(do(picstore, "overlay-templates", "show", "card", "-o", "yaml"))
    do(picstore, "overlay-templates", "create", "card-2", "-f", path)
    path.write_text(path.read_text().replace("height: 210", "height: 200"))
    updated = json.loads(do(picstore, "overlay-templates", "update", "card", "-f", path, "--json"))
    assert (updated["revision"], updated["overlay"]["canvas"]["height"]) == (2, 200)
    listed = do(picstore, "overlay-templates", "list")
    assert "400×200" in listed
    assert "title" in listed
    back = json.loads(do(picstore, "overlay-templates", "rollback", "card", "1", "--json"))
    assert back["revision"] == 3
    assert "3" in do(picstore, "overlay-templates", "history", "card")

    (photo,) = do(picstore, "images", "list", "--json", "--limit", "1").splitlines()
    base = json.loads(photo)["id"]
    made = json.loads(
        do(
            picstore,
            *("images", "derive", base, "--template", "card", "--set", "title=Hello = world"),
            *("--alt", "A card", "--tag", "social", "--wait", "--json"),
        )
    )
    assert made["state"] == "STATE_READY"
    assert (made["width"], made["height"], made["alt_text"]) == (400, 210, "A card")
    assert made["derived_from"]["image_id"] == base
    assert made["derived_from"]["variables"] == {"title": "Hello = world"}

    refused = picstore.picstore("images", "derive", base, "--template", "card")
    assert refused.returncode == 2
    assert "variables.title" in refused.stderr
    for name in ("card", "card-2"):
        do(picstore, "overlay-templates", "delete", name, "--yes")
    missing = picstore.picstore("images", "derive", base, "--template", "card")
    assert missing.returncode == 3
