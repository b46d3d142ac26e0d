"""Which Pic Store a command talks to, and as whom."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from pydantic import ValidationError

from picstore_cli.contexts import ContextsError, contexts_path, load_contexts
from picstore_kit.settings import TargetsSettings
from picstore_local.settings import LocalSettings

if TYPE_CHECKING:
    from picstore_local.datadir import RunningStack

OPERATOR: Final = "operator"
"""The service identity of whoever runs the installation."""
URL_VARIABLE: Final = "PICSTORE_URL"
KEY_VARIABLE: Final = "PICSTORE_API_KEY"
CONTEXT_VARIABLE: Final = "PICSTORE_CONTEXT"
PROJECT_VARIABLE: Final = "PICSTORE_PROJECT"
SECRET_VARIABLE: Final = "PICSTORE_OPERATOR_SECRET"
DEMO_PROJECT: Final = "website"

URLOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar=URL_VARIABLE,
        help="The gateway; the context's or the local stack's if unset.",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar=KEY_VARIABLE,
        show_envvar=True,
        help=(
            "The API key; the context's or the local stack's demo key if unset. "
            "Better set it in the environment."
        ),
    ),
]
ProjectOption = Annotated[
    str | None,
    typer.Option(
        "--project",
        envvar=PROJECT_VARIABLE,
        help=(
            "The project's id or short name; the context's or the demo project of the local stack "
            "if unset."
        ),
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
class Connection:
    """A gateway, and the credential for it."""

    url: str
    api_key: str = field(repr=False)
    """An API key, or the credential of a session."""
    project: str | None
    """The project that commands are about when they name none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A gateway, the credential for it, and the project in it."""

    url: str
    api_key: str = field(repr=False)
    project: str


def context_of(url: str | None, api_key: str | None, project: str | None) -> Context:
    """Complete what the caller said, as `connection_of` does, and insist on a project.

    Raises:
        NoContext: Something is missing that nothing here knows.
        ContextsError: The file of contexts can't be used.
    """
    connection = connection_of(url, api_key, project=project)
    if not connection.project:
        raise NoContext(f"say which project: --project or {PROJECT_VARIABLE}")
    return Context(url=connection.url, api_key=connection.api_key, project=connection.project)


def connection_of(
    url: str | None,
    api_key: str | None,
    *,
    name: str | None = None,
    project: str | None = None,
) -> Connection:
    """Complete what the caller said with the context, or with what the running local stack says.

    What the caller says, by options or in the environment, wins. A credential is only ever sent to
    the gateway that it is kept for.

    Raises:
        NoContext: Something is missing that nothing here knows.
        ContextsError: The file of contexts can't be used, or there is none of this `name`.
    """
    known = _known(name, needed=not (url and api_key))
    if url is None and known is not None:
        url = known.url
    if not url:
        raise NoContext(
            "no Pic Store runs here: start one by `picstore up`, log in to one by "
            f"`picstore login`, or set {URL_VARIABLE}"
        )
    if not url.startswith(("http://", "https://")):
        raise NoContext(f"{url} is no URL of a gateway: it must begin with http:// or https://")
    is_known = known is not None and url.rstrip("/") == known.url.rstrip("/")
    if api_key is None and known is not None and is_known:
        api_key = known.api_key
    if not api_key:
        raise NoContext(
            f"nothing is known of {url}: log in by `picstore login {url}`, or set {KEY_VARIABLE}"
        )
    if project is None and known is not None and is_known:
        project = known.project
    return Connection(url=url, api_key=api_key, project=project or None)


def _known(name: str | None, *, needed: bool) -> Connection | None:
    """Return what the context says, or else what the local stack does.

    Where nothing is `needed` of the context, one that can't be read is no trouble.
    """
    name = name or os.environ.get(CONTEXT_VARIABLE)
    try:
        contexts = load_contexts(contexts_path())
        if chosen := name or contexts.current:
            saved = contexts.get(chosen)
            return Connection(
                url=saved.url, api_key=saved.credential.get_secret_value(), project=saved.project
            )
    except ContextsError:
        if needed or name:
            raise
    local = local_stack()
    if local is None or "gateway" not in local.urls:
        return None
    return Connection(
        url=local.urls["gateway"],
        api_key=local.secrets.get("demo_api_key", ""),
        project=DEMO_PROJECT,
    )


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
