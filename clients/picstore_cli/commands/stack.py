"""`picstore up` and `picstore down`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from picstore_cli.console import note
from picstore_cli.context import DataDirOption, local_settings
from picstore_cli.running import run


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Set up a demo team and make a picture of a photo.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Stop as soon as everything was up and shown.")
    ] = False,
    image: Annotated[
        Path | None,
        typer.Option(
            "--image", help="The photo for the demo; implies --demo.", exists=True, dir_okay=False
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Leave the services' log lines to the log files.")
    ] = False,
    data_dir: DataDirOption = None,
) -> None:
    """Start everything on this machine: Postgres, NATS, an S3 store and all services.

    Everything is kept in the data directory, so the next start finds it again. Ctrl-C stops.

    Examples:

      picstore up

      picstore up --demo --image ~/Pictures/dog.jpg

      picstore up --data-dir /srv/picstore --quiet
    """
    # The servers are only needed, and perhaps only installed, where the stack runs.
    from picstore_cli import local

    settings = local_settings(data_dir)
    if not run(
        local.up(settings, demo=demo or image is not None, once=once, image=image, quiet=quiet)
    ):
        raise typer.Exit(1)


def down(data_dir: DataDirOption = None) -> None:
    """Stop the stack that another terminal runs.

    Examples:

      picstore down

      picstore down --data-dir /srv/picstore
    """
    from picstore_cli import local

    note("stopped" if run(local.down(data_dir)) else "no stack runs here")
