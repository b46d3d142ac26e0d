"""Which Pic Store a command talks to, and as whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from pydantic import ValidationError

from picstore_kit.settings import TargetsSettings
from picstore_local.settings import LocalSettings

if TYPE_CHECKING:
    from picstore_local.datadir import RunningStack

OPERATOR: Final = "operator"
"""The service identity of whoever runs the installation."""
URL_VARIABLE: Final = "PICSTORE_URL"
KEY_VARIABLE: Final = "PICSTORE_API_KEY"
PROJECT_VARIABLE: Final = "PICSTORE_PROJECT"
SECRET_VARIABLE: Final = "PICSTORE_OPERATOR_SECRET"
DEMO_PROJECT: Final = "website"

URLOption = Annotated[
    str | None,
    typer.Option("--url", envvar=URL_VARIABLE, help="The gateway; the local stack's if unset."),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar=KEY_VARIABLE,
        show_envvar=True,
        help="The API key; the local stack's demo key if unset. Better set it in the environment.",
    ),
]
ProjectOption = Annotated[
    str | None,
    typer.Option(
        "--project",
        envvar=PROJECT_VARIABLE,
        help="The project's id or short name; the demo project of the local stack if unset.",
    ),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="PICSTORE_LOCAL__DATA_DIR",
        help="Where the local stack keeps everything; .picstore if unset.",
    ),
]


class NoContext(Exception):
    """The command cannot know what to talk to; the message says how to tell it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A gateway, the key to it, and the project in it."""

    url: str
    api_key: str = field(repr=False)
    project: str


def context_of(url: str | None, api_key: str | None, project: str | None) -> Context:
    """Complete what the caller said with what the running local stack says.

    Raises:
        NoContext: Something is missing and no local stack runs here.
    """
    local = None if url and api_key and project else local_stack()
    if url is None and local is not None:
        url = local.urls.get("gateway")
    if not url:
        raise NoContext(
            f"no Pic Store runs here: start one by `picstore up`, or set {URL_VARIABLE}"
        )
    if not url.startswith(("http://", "https://")):
        raise NoContext(f"{url} is no URL of a gateway: it must begin with http:// or https://")
    # The local key and project are of no use anywhere else.
    is_local = local is not None and url == local.urls.get("gateway")
    if api_key is None and local is not None and is_local:
        api_key = local.secrets.get("demo_api_key")
    if not api_key:
        raise NoContext(f"set {KEY_VARIABLE} to an API key for {url}")
    if project is None and is_local:
        project = DEMO_PROJECT
    if not project:
        raise NoContext(f"say which project: --project or {PROJECT_VARIABLE}")
    return Context(url=url, api_key=api_key, project=project)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorContext:
    """The services' gRPC targets, and the operator's secret."""

    targets: TargetsSettings
    secret: str = field(repr=False)


def operator_context(auth: str | None, catalog: str | None, secret: str | None) -> OperatorContext:
    """Complete what the operator said with what the running local stack says.

    Raises:
        NoContext: Something is missing and no local stack runs here.
    """
    local = local_stack()
    urls = local.urls if local is not None else {}
    secrets = local.secrets if local is not None else {}
    auth, catalog = auth or urls.get("auth"), catalog or urls.get("catalog")
    secret = secret or secrets.get(f"service.{OPERATOR}")
    if not auth or not catalog:
        raise NoContext("say where auth and the catalog are: --auth and --catalog")
    if not secret:
        raise NoContext(f"set {SECRET_VARIABLE} to the secret of the service {OPERATOR}")
    return OperatorContext(targets=TargetsSettings(auth=auth, catalog=catalog), secret=secret)


def local_settings(data_dir: Path | None = None) -> LocalSettings:
    """Return what the environment says of the local stack.

    Raises:
        typer.BadParameter: It says something wrong.
    """
    try:
        return LocalSettings() if data_dir is None else LocalSettings(data_dir=data_dir)
    except ValidationError as error:
        lines = [
            f"PICSTORE_LOCAL__{'__'.join(map(str, detail['loc'])).upper()}: {detail['msg']}"
            for detail in error.errors(include_url=False, include_input=False)
        ]
        raise typer.BadParameter("\n".join(lines)) from error


def local_stack(data_dir: Path | None = None) -> RunningStack | None:
    """Return the stack that runs on this machine's data directory, if one does."""
    try:
        # Where only the client is installed, nothing runs that this could find.
        from picstore_local.datadir import running_stack
    except ImportError:
        return None
    return running_stack(local_settings(data_dir).data_dir)
