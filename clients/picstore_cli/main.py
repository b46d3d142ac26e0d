"""The command `picstore`."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

from picstore_cli.commands import bootstrap, doctor, env, images, keys, picture, stack
from picstore_cli.console import write
from picstore_kit.log import configure_logging
from picstore_kit.settings import TelemetrySettings

app = typer.Typer(
    name="picstore",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
    rich_markup_mode="markdown",
    epilog="Exit codes: 0 done, 1 something failed, 2 the command line is wrong, 130 Ctrl-C.",
)
app.command()(stack.up)
app.command()(stack.down)
app.command()(env.env)
app.command()(bootstrap.bootstrap)
app.command()(picture.picture)
app.add_typer(images.app, name="images")
app.command()(doctor.doctor)
app.command()(keys.new_key)


def _version(wanted: bool) -> None:
    if wanted:
        write(metadata.version("picstore"))
        raise typer.Exit


@app.callback()
def root(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what goes on inside, too.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and exit.")
    ] = False,
) -> None:
    """Upload a picture once; get every format and size that a page needs.

    Examples:

      picstore up --demo

      picstore picture dog.jpg --alt "A dog in the snow"
    """
    # On standard error, which is where everything goes that is not a result.
    configure_logging("cli", TelemetrySettings(log_level="info" if verbose else "warning"))


if __name__ == "__main__":
    app()
