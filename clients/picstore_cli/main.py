"""The command `picstore`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import Annotated, ClassVar, Final

import typer

from picstore_cli.lazy import Entry, LazyGroup

_WORK: Final = "Pictures"
_ADMINISTER: Final = "The team"
_CONNECT: Final = "Connecting"
_INSTALLATION: Final = "The installation"


class Commands(LazyGroup):
    """All commands, by name."""

    entries: ClassVar[Mapping[str, Entry]] = {
        "picture": Entry(
            module="picture",
            attribute="picture",
            help="Upload pictures, wait for them, and print their tags.",
            panel=_WORK,
        ),
        "upload": Entry(
            module="upload",
            help="Upload pictures; what was interrupted goes on.",
            panel=_WORK,
        ),
        "uploads": Entry(module="uploads", help="Uploads that are on their way.", panel=_WORK),
        "images": Entry(module="images", help="List, describe and look up pictures.", panel=_WORK),
        "import": Entry(
            module="imports", help="Have pictures fetched from URLs and buckets.", panel=_WORK
        ),
        "projects": Entry(module="projects", help="Web sites and applications.", panel=_ADMINISTER),
        "locations": Entry(
            module="locations", help="Where originals and outputs are kept.", panel=_ADMINISTER
        ),
        "profiles": Entry(
            module="profiles", help="Conversion profiles: formats and sizes.", panel=_ADMINISTER
        ),
        "upload-profiles": Entry(
            module="upload_profiles", help="What an upload needs to know.", panel=_ADMINISTER
        ),
        "overlay-templates": Entry(
            module="overlay_templates", help="What is drawn over pictures.", panel=_ADMINISTER
        ),
        "users": Entry(module="users", help="People, and how they are invited.", panel=_ADMINISTER),
        "roles": Entry(module="roles", help="What users may do.", panel=_ADMINISTER),
        "keys": Entry(module="keys", help="API keys of programs.", panel=_ADMINISTER),
        "sessions": Entry(module="sessions", help="Who is logged in.", panel=_ADMINISTER),
        "invitations": Entry(
            module="invitations", help="One-time links to set a password.", panel=_ADMINISTER
        ),
        "audit": Entry(
            module="audit", help="Who did what, when and from where.", panel=_ADMINISTER
        ),
        "login": Entry(
            module="login", attribute="login", help="Log in to a Pic Store.", panel=_CONNECT
        ),
        "logout": Entry(
            module="login", attribute="logout", help="End the session again.", panel=_CONNECT
        ),
        "whoami": Entry(
            module="login",
            attribute="whoami_app",
            help="Who you are to which Pic Store.",
            panel=_CONNECT,
        ),
        "context": Entry(
            module="contexts", help="The Pic Stores that you are logged in to.", panel=_CONNECT
        ),
        "env": Entry(
            module="env", attribute="env", help="The local stack, for a shell.", panel=_CONNECT
        ),
        "doctor": Entry(
            module="doctor",
            attribute="doctor",
            help="What is missing or unreachable, and how to mend it.",
            panel=_CONNECT,
        ),
        "up": Entry(
            module="stack",
            attribute="up",
            help="Start everything on this machine.",
            panel=_INSTALLATION,
        ),
        "down": Entry(module="stack", attribute="down", help="Stop it again.", panel=_INSTALLATION),
        "bootstrap": Entry(
            module="bootstrap",
            attribute="bootstrap",
            help="Set up a team as documents say.",
            panel=_INSTALLATION,
        ),
        "new-key": Entry(
            module="keys",
            attribute="new_key",
            help="A fresh API key, for a bootstrap document.",
            panel=_INSTALLATION,
        ),
        "teams": Entry(
            module="operator", attribute="teams", help="All teams.", panel=_INSTALLATION
        ),
        "operator": Entry(
            module="operator",
            attribute="operator",
            help="The upkeep of the installation.",
            panel=_INSTALLATION,
        ),
    }


app = typer.Typer(
    name="picstore",
    cls=Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
    rich_markup_mode="markdown",
    epilog=(
        "Exit codes: 0 done, 1 something failed, 2 the command line or request is wrong, "
        "3 not found, 4 not logged in or not allowed, 5 in conflict with what is there, "
        "6 not available now, 130 Ctrl-C."
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(metadata.version("picstore"))
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

      picstore login https://pictures.example.com
    """
    # Only where a command runs: help and completion do without.
    from picstore_kit.log import configure_logging
    from picstore_kit.settings import TelemetrySettings

    # On standard error, which is where everything goes that is not a result.
    configure_logging("cli", TelemetrySettings(log_level="info" if verbose else "warning"))


if __name__ == "__main__":
    app()
