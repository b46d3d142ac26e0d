"""`picstore images explain` and `picstore images replay`."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.installation import Installation


@pytest.fixture
def image_id(picstore: Installation, photo: Path) -> str:
    """The photo, all of whose outputs are there."""
    found = picstore.picstore("images", "lookup", photo, "--json")
    image: dict[str, Any] = json.loads(found.stdout)
    return str(image["id"])


def explained(picstore: Installation, image_id: str) -> list[dict[str, Any]]:
    """The outputs of the picture that are ready."""
    done = picstore.picstore("images", "explain", image_id, "--json")
    assert done.returncode == 0, done.stderr
    (generation,) = json.loads(done.stdout)["generations"]
    return [one for one in generation["outputs"] if one["output"]["state"] == "STATE_READY"]


def test_what_is_made_once_more_is_the_same_to_the_byte(
    picstore: Installation, image_id: str, tmp_path: Path
) -> None:
    outputs = explained(picstore, image_id)
    done = picstore.picstore("images", "replay", image_id, "--out", tmp_path / "made", "--json")
    assert done.returncode == 0, done.stderr
    replayed = json.loads(done.stdout)
    assert {one["verdict"] for one in replayed} == {"same"}
    assert {one["output_id"] for one in replayed} == {one["output"]["id"] for one in outputs}
    assert {one["output"]["spec"]["format"] for one in outputs} == {
        "FORMAT_AVIF",
        "FORMAT_WEBP",
        "FORMAT_JPEG",
    }
    for one in replayed:
        (path,) = (tmp_path / "made").glob(f"{one['output_id']}.*")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == one["recorded"]["sha256"]
        assert one["recipe"]["steps"]
        assert one["recorded"]["cpu_ms"] >= 0


def test_the_original_may_be_at_hand(
    picstore: Installation, image_id: str, photo: Path, tmp_path: Path
) -> None:
    webp = next(
        one["output"]["id"]
        for one in explained(picstore, image_id)
        if one["output"]["mime_type"] == "image/webp"
    )
    done = picstore.picstore("images", "replay", image_id, "--file", photo, "--only", webp)
    assert done.returncode == 0, done.stderr
    assert webp in done.stdout
    assert "same" in done.stdout

    (tmp_path / "other.jpg").write_bytes(photo.read_bytes() + b"\0")
    done = picstore.picstore("images", "replay", image_id, "--file", tmp_path / "other.jpg")
    assert done.returncode == 2
    assert "is not the original" in done.stderr


def test_steps_are_told_of_the_outputs_that_are_asked_for(
    picstore: Installation, image_id: str
) -> None:
    one = explained(picstore, image_id)[0]
    output_id = one["output"]["id"]
    done = picstore.picstore("images", "explain", image_id, "--only", output_id)
    assert done.returncode == 0, done.stderr
    for number, step in enumerate(one["recipe"]["steps"], 1):
        assert f"{number}. {step}" in done.stdout

    done = picstore.picstore("images", "explain", image_id, "--only", "out_unknown")
    assert done.returncode == 3
    assert "out_unknown" in done.stderr


def test_nothing_of_the_converter_is_loaded_before_something_is_replayed() -> None:
    program = (
        "import sys, picstore_cli.commands.images;"
        "sys.exit(any(n.startswith(('picstore_converter', 'pyvips')) for n in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
