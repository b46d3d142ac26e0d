"""`picstore picture` and `picstore images`."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.cli.installation import COMMAND, Installation, clean_environ


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("html", "<picture>"),
        ("markdown", "![Thousands of galaxies"),
        ("url", "http://"),
        ("json", "{"),
    ],
)
def test_results_and_only_results_are_on_standard_output(
    picstore: Installation, photo: Path, form: str, begins: str
) -> None:
    done = picstore.picstore("picture", photo, "--format", form, environ={"FORCE_COLOR": "1"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(begins)
    assert "\x1b" not in done.stdout
    if form == "json":
        assert json.loads(done.stdout)["sources"]
    if form == "html":
        # However long, a line stays a line.
        assert len(done.stdout.splitlines()) == 5
    assert "there already, img_" in done.stderr


def test_the_tag_has_the_sizes_that_are_asked_for(picstore: Installation, photo: Path) -> None:
    assert 'sizes="50vw"' in picstore.picstore("picture", photo, "--sizes", "50vw").stdout


def test_a_file_that_fails_does_not_keep_the_others_from_being_made(
    picstore: Installation, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.jpg").write_text("nothing to see")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder").mkdir()
    names = ("bad.jpg", "empty.jpg", "folder", "nothing.jpg")
    done = picstore.picstore(
        "picture", *(tmp_path / name for name in names), photo, "--format", "url"
    )
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    for name, words in {
        "bad.jpg": "(IMAGE_UNRECOGNISED)",
        "empty.jpg": "(UPLOAD_EMPTY)",
        "folder": "Is a directory",
        "nothing.jpg": "No such file",
    }.items():
        (line,) = [
            line
            for line in done.stderr.splitlines()
            if line.startswith(f"error: {tmp_path / name}:")
        ]
        assert words in line


def test_the_same_picture_twice_is_uploaded_once(
    picstore: Installation, tmp_path: Path, photo: Path
) -> None:
    # Other bytes than the demo's: what follows the end of a JPEG is no part of it.
    one = tmp_path / "one.jpg"
    one.write_bytes(photo.read_bytes() + b"one")
    two = Path(shutil.copy(one, tmp_path / "two.jpg"))
    done = picstore.picstore("picture", one, two, one, "--format", "url")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == second
    assert f"{one.name}: uploading" in done.stderr
    assert f"{one.name}: waiting for its outputs" in done.stderr
    assert f"{one}: uploaded, img_" in done.stderr
    assert f"{two.name}: uploading" not in done.stderr
    assert f"{two}: there already, img_" in done.stderr


def test_waiting_has_an_end(picstore: Installation, tmp_path: Path, photo: Path) -> None:
    new = tmp_path / "new.jpg"
    new.write_bytes(photo.read_bytes() + b"new")
    done = picstore.picstore("picture", new, "--timeout", "0")
    assert done.returncode == 1
    assert "(DEADLINE_EXCEEDED)" in done.stderr
    assert done.stdout == ""


def test_a_wrong_key_is_told_with_a_hint(picstore: Installation, photo: Path) -> None:
    done = picstore.picstore("picture", photo, environ={"PICSTORE_API_KEY": "ps_wrong"})
    assert done.returncode == 4
    assert "(CREDENTIAL_INVALID)" in done.stderr
    assert "hint: log in by `picstore login`, or check PICSTORE_API_KEY" in done.stderr


def test_a_gateway_that_is_not_there_is_told_with_a_hint(
    picstore: Installation, photo: Path
) -> None:
    environ = {
        "PICSTORE_URL": "http://127.0.0.1:9",
        "PICSTORE_API_KEY": "ps_x",
        "PICSTORE_PROJECT": "website",
    }
    done = picstore.picstore("picture", photo, environ=environ)
    assert done.returncode == 6
    assert "http://127.0.0.1:9 does not answer" in done.stderr
    assert "hint: run `picstore doctor`" in done.stderr


def test_pictures_are_listed_and_shown(picstore: Installation) -> None:
    listed = picstore.picstore("images", "list", "--json", "--limit", "1")
    assert listed.returncode == 0, listed.stderr
    (line,) = listed.stdout.splitlines()
    image_id = json.loads(line)["id"]
    table = picstore.picstore("images", "list").stdout
    assert image_id in table
    shown = picstore.picstore("images", "show", image_id)
    assert "ready" in shown.stdout
    assert "http://" in shown.stdout
    whole = picstore.picstore("images", "show", image_id, "--json")
    assert json.loads(whole.stdout)["outputs"]


def test_a_picture_that_is_not_there_is_told(picstore: Installation) -> None:
    done = picstore.picstore("images", "show", "img_01h455vb4pex5vsknk084sn02q")
    assert done.returncode == 3
    assert "(RESOURCE_NOT_FOUND)" in done.stderr


def test_a_reader_that_stops_reading_is_no_trouble(picstore: Installation) -> None:
    command = " ".join(COMMAND)
    done = subprocess.run(
        ["sh", "-c", f"{command} images list --json | head -c 1"],
        env=clean_environ(picstore.data_dir),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("{", "")
