"""`picstore up` and `picstore down`."""

from __future__ import annotations

from pathlib import Path

import pytest

from picstore_local.datadir import running_stack
from tests.integration.cli.installation import Installation, installation, picstore


def test_the_demo_prints_the_outputs_and_the_tag_and_nothing_else(picstore: Installation) -> None:
    lines = picstore.output.splitlines()
    assert "hubble_deep_field.jpg: 1000×872" in lines[0]
    rows = [line for line in lines if line.startswith("│")]
    assert rows
    assert all("ready" in row for row in rows)
    assert "not made: another output is the same (SAME_AS_ANOTHER)" in picstore.output
    assert picstore.output.strip().endswith("</picture>")
    assert "provisioned" not in picstore.output
    assert "\x1b" not in picstore.output


def test_a_second_start_says_that_one_runs(picstore: Installation) -> None:
    second = picstore.picstore("up")
    assert second.returncode == 1
    assert second.stdout == ""
    assert f"error: the stack is already running on {picstore.data_dir}" in second.stderr
    assert picstore.url in second.stderr


def test_down_stops_what_runs(tmp_path: Path) -> None:
    with installation(tmp_path) as running:
        done = running.picstore("down", "--data-dir", running.data_dir)
        assert (done.returncode, done.stdout) == (0, "")
        assert "stopped" in done.stderr
        assert running_stack(running.data_dir) is None
        again = running.picstore("down")
        assert (again.returncode, again.stderr.strip()) == (0, "no stack runs here")


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        (["up", "--image", "nothing.jpg"], {}, "does not exist"),
        (["up"], {"PICSTORE_LOCAL__CONVERTERS": "many"}, "PICSTORE_LOCAL__CONVERTERS"),
        (["fly"], {}, "No such command"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(
    tmp_path: Path, arguments: list[str], environ: dict[str, str], words: str
) -> None:
    done = picstore(*arguments, data_dir=tmp_path / "data", environ=environ)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""
