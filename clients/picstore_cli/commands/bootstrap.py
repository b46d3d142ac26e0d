"""`picstore bootstrap`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from picstore.auth.v1.bootstrap_pb2 import BootstrapAction
from picstore_cli.bootstrap.applying import Applied, apply
from picstore_cli.bootstrap.reading import read
from picstore_cli.console import note, out, table
from picstore_cli.context import OPERATOR, SECRET_VARIABLE, operator_context
from picstore_cli.running import run
from picstore_kit.settings import ServiceIdentitySettings


def bootstrap(
    files: Annotated[
        list[Path], typer.Argument(help="YAML or JSON documents.", exists=True, dir_okay=False)
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would change.")
    ] = False,
    auth: Annotated[
        str | None,
        typer.Option(envvar="PICSTORE_TARGETS__AUTH", help="gRPC target of auth."),
    ] = None,
    catalog: Annotated[
        str | None,
        typer.Option(envvar="PICSTORE_TARGETS__CATALOG", help="gRPC target of the catalog."),
    ] = None,
) -> None:
    """Create or update a team with all that it needs, as documents say.

    Variables such as ${NAME} and ${NAME:-default} are taken from the environment. Running it again
    changes nothing. The operator's secret is taken from PICSTORE_OPERATOR_SECRET, or from the local
    stack.

    Examples:

      picstore bootstrap team.yaml --dry-run

      picstore bootstrap team.yaml profiles.json
    """

    async def work() -> Applied:
        context = operator_context(auth, catalog, os.environ.get(SECRET_VARIABLE))
        document = await asyncio.to_thread(read, files, os.environ)
        return await apply(
            document,
            identity=ServiceIdentitySettings.model_validate(
                {"name": OPERATOR, "secret": context.secret}
            ),
            targets=context.targets,
            dry_run=dry_run,
        )

    _print(run(work()), dry_run=dry_run)


def _print(applied: Applied, *, dry_run: bool) -> None:
    changes = table("kind", "name", "action", "fields")
    for change in applied.changes:
        action = BootstrapAction.Name(change.action).removeprefix("BOOTSTRAP_ACTION_").lower()
        fields = "\n".join(f"{f.field}: {f.old_value!r} → {f.new_value!r}" for f in change.fields)
        changes.add_row(*map(escape, (change.kind, change.name, action, fields)))
    out.print(changes)
    if dry_run:
        note("nothing was changed: this was a dry run")
    else:
        for name, project_id in applied.project_ids.items():
            note(f"project {name}: {project_id}")
