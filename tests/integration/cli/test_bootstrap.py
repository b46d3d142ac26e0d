"""`picstore bootstrap`, with the example of the documentation as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from picstore_cli.commands.keys import new_key
from tests.integration.cli.installation import Installation

DOCS = Path(__file__).parents[3] / "docs" / "bootstrap.md"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The complete example of the documentation."""
    match = re.search(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert match is not None
    path = tmp_path / "team.yaml"
    path.write_text(match[1])
    return path


@pytest.fixture
def environ(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    new_key()
    return {
        "SHOP_API_KEY": capsys.readouterr().out.strip(),
        "S3_ENDPOINT": "http://127.0.0.1:9",
        "S3_ORIGINALS_BUCKET": "originals",
        "S3_OUTPUTS_BUCKET": "outputs",
        "S3_ACCESS_KEY": "access",
        "S3_SECRET_KEY": "s3-secret-value",
    }


def actions(output: str) -> list[str]:
    """Return the column `action` of the table."""
    rows = [line.split("│") for line in output.splitlines() if line.startswith("│")]
    return [row[3].strip() for row in rows if row[1].strip()]


def test_the_documented_example_is_applied_once_and_then_unchanged(
    picstore: Installation, example: Path, environ: dict[str, str]
) -> None:
    planned = picstore.picstore("bootstrap", example, "--dry-run", environ=environ)
    assert planned.returncode == 0, planned.stderr
    assert set(actions(planned.stdout)) == {"created"}
    assert "this was a dry run" in planned.stderr

    done = picstore.picstore("bootstrap", example, environ=environ)
    assert done.returncode == 0, done.stderr
    assert actions(done.stdout) == actions(planned.stdout)
    assert re.search(r"project shop: prj_\w{26}", done.stderr)

    again = picstore.picstore("bootstrap", example, environ=environ)
    assert set(actions(again.stdout)) == {"unchanged"}

    example.write_text(example.read_text().replace("The shop\n", "Our shop\n"))
    changed = picstore.picstore("bootstrap", example, "--dry-run", environ=environ)
    assert sorted(set(actions(changed.stdout))) == ["unchanged", "updated"]
    assert "display_name: 'The shop' → 'Our shop'" in changed.stdout

    for output in (planned, done, again, changed):
        for secret in (environ["SHOP_API_KEY"], environ["S3_SECRET_KEY"]):
            assert secret not in output.stdout + output.stderr


def test_what_is_wrong_is_told_with_its_place(
    picstore: Installation, example: Path, environ: dict[str, str]
) -> None:
    del environ["S3_ACCESS_KEY"]
    done = picstore.picstore("bootstrap", example, environ=environ)
    assert done.returncode == 1
    assert (
        f"{example}: storage_locations[0].s3.access_key_id: "
        "the environment variable S3_ACCESS_KEY is not set" in done.stderr
    )


def test_a_name_that_nothing_has_is_refused_by_the_service(
    picstore: Installation, example: Path, environ: dict[str, str]
) -> None:
    example.write_text(example.read_text().replace("short_name: acme", "short_name: acme-2"))
    example.write_text(example.read_text().replace("roles: [editor]", "roles: [author]"))
    done = picstore.picstore("bootstrap", example, "--dry-run", environ=environ)
    assert done.returncode == 2
    assert "users[0].roles[0] names no role of the team or the document" in done.stderr


def test_the_operators_secret_is_asked_for(
    picstore: Installation, example: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    elsewhere = {**environ, "PICSTORE_LOCAL__DATA_DIR": str(tmp_path / "nothing")}
    targets = ("--auth", "127.0.0.1:9", "--catalog", "127.0.0.1:9")
    done = picstore.picstore("bootstrap", example, *targets, environ=elsewhere)
    assert done.returncode == 1
    assert "set PICSTORE_OPERATOR_SECRET" in done.stderr
