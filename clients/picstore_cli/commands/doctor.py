"""`picstore doctor`."""

from __future__ import annotations

from typing import Final

import typer
from rich.text import Text

from picstore_cli.console import out
from picstore_cli.context import DataDirOption, KeyOption, ProjectOption, URLOption
from picstore_cli.doctor import Verdict, examine
from picstore_cli.running import run

_COLOURS: Final = {Verdict.GOOD: "green", Verdict.NOTE: "yellow", Verdict.BAD: "red"}


def doctor(
    url: URLOption = None,
    api_key: KeyOption = None,
    project: ProjectOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Say what is missing or unreachable, and how to mend it.

    The exit code is 1 if anything is wrong.

    Examples:

      picstore doctor

      picstore doctor --url https://pictures.example.org
    """
    findings = run(examine(url, api_key, project, data_dir))
    for finding in findings:
        verdict = (f"{finding.verdict:>8} ", _COLOURS[finding.verdict])
        out.print(Text.assemble(verdict, finding.what), soft_wrap=True)
        if finding.mend:
            out.print(Text(f"         → {finding.mend}", style="dim"), soft_wrap=True)
    if any(finding.verdict is Verdict.BAD for finding in findings):
        raise typer.Exit(1)
