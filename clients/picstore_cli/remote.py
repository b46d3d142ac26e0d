"""Commands that talk to a Pic Store: the options that all of them take, and how they are run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

import typer
from google.protobuf.message import Message
from rich.markup import escape
from typer.core import TyperCommand
from typer.main import get_command

from picstore_cli.console import json_text, note, out, table, write
from picstore_cli.context import (
    CONTEXT_VARIABLE,
    KEY_VARIABLE,
    PROJECT_VARIABLE,
    URL_VARIABLE,
    NoContext,
    connection_of,
)
from picstore_cli.messages import to_yaml
from picstore_cli.nouns import Noun
from picstore_cli.running import run
from picstore_client import PicStoreClient
from picstore_client.method import ItemT

T = TypeVar("T")
MessageT = TypeVar("MessageT", bound=Message)

_PANEL: Final = "Connection and output"
_META: Final = "picstore."


class Form(StrEnum):
    """What a result looks like."""

    TABLE = "table"
    """For people."""
    JSON = "json"
    """For programs; of a list, one object a line."""
    YAML = "yaml"
    """For people who edit it, and `update -f`."""


class RemoteCommand(TyperCommand):
    """A command with the options of all commands that talk to a Pic Store."""

    def __init__(self, *args: Any, params: Sequence[Any] | None = None, **settings: Any) -> None:
        template = typer.Typer(add_completion=False)
        template.command()(_options)
        shared = get_command(template).params
        super().__init__(*args, params=[*(params or []), *shared], **settings)


def _keep(ctx: typer.Context, param: typer.CallbackParam, value: str | None) -> str | None:
    """Keep the value of an option for `run_remote` and `form_of`."""
    ctx.meta[f"{_META}{param.name}"] = value
    return value


def _option(*names: str, text: str, variable: str | None = None) -> Any:
    return typer.Option(
        *names,
        envvar=variable,
        expose_value=False,
        callback=_keep,
        help=text,
        rich_help_panel=_PANEL,
    )


_CONTEXT = _option(
    "--context",
    text="The context to use, as `picstore login` made it.",
    variable=CONTEXT_VARIABLE,
)
_URL = _option(
    "--url",
    text="The gateway; the context's or the local stack's if unset.",
    variable=URL_VARIABLE,
)
_API_KEY = _option(
    "--api-key", text="The API key; better set it in the environment.", variable=KEY_VARIABLE
)
_PROJECT = _option(
    "--project",
    text="The project's id or short name, where one matters.",
    variable=PROJECT_VARIABLE,
)
_OUTPUT = _option("--output", "-o", text="What the result looks like.")
_JSON = _option("--json", text="Short for `--output json`; errors are JSON, too.")


def _options(
    context: Annotated[str | None, _CONTEXT] = None,
    url: Annotated[str | None, _URL] = None,
    api_key: Annotated[str | None, _API_KEY] = None,
    project: Annotated[str | None, _PROJECT] = None,
    output: Annotated[Form | None, _OUTPUT] = None,
    json: Annotated[bool, _JSON] = False,
) -> None:
    """Stand for the options alone: they are read by `_keep`, and this is never called."""


def form_of(ctx: typer.Context) -> Form:
    """Return what the result is to look like."""
    if ctx.meta.get(_META + "json"):
        return Form.JSON
    return Form(ctx.meta.get(_META + "output") or Form.TABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A Pic Store to call."""

    client: PicStoreClient
    url: str
    project: str | None
    """As it was named; id or short name."""

    async def project_id(self, name: str | None = None) -> str:
        """Return the id of a project, or of the one that the command is about.

        Raises:
            NotFound: There is none of this name.
            NoContext: No project is named.
        """
        name = name or self.project
        if not name:
            raise NoContext(f"say which project: --project or {PROJECT_VARIABLE}")
        return name if name.startswith("prj_") else (await self.client.find_project(name)).id


def run_remote(ctx: typer.Context, work: Callable[[Remote], Awaitable[T]]) -> T:
    """Run a command's work on the Pic Store that the options name."""

    async def connected() -> T:
        meta = {
            name: ctx.meta.get(_META + name) for name in ("context", "url", "api_key", "project")
        }
        connection = connection_of(
            meta["url"], meta["api_key"], name=meta["context"], project=meta["project"]
        )
        async with PicStoreClient(connection.url, connection.api_key) as client:
            return await work(Remote(client=client, url=connection.url, project=connection.project))

    return run(connected(), as_json=form_of(ctx) is Form.JSON)


async def first(items: AsyncIterator[T], limit: int) -> tuple[list[T], bool]:
    """Return the first `limit` items (0 for all), and whether there are more."""
    found: list[T] = []
    async for item in items:
        if limit and len(found) == limit:
            return found, True
        found.append(item)
    return found, False


def print_list(ctx: typer.Context, noun: Noun[ItemT], found: tuple[list[ItemT], bool]) -> None:
    """Print a list as the options say; with a note if there is more than is shown."""
    items, more = found
    match form_of(ctx):
        case Form.JSON:
            for item in items:
                write(json_text(item, indent=None))
        case Form.YAML:
            write("---\n".join(map(to_yaml, items)))
        case Form.TABLE:
            rows = table(*(name for name, _ in noun.columns))
            for item in items:
                rows.add_row(*(escape(cell(item)) for _, cell in noun.columns))
            out.print(rows)
    if more:
        note(f"there are more than these {len(items)}: --limit says how many to show, 0 for all")


def print_one(ctx: typer.Context, noun: Noun[ItemT], item: ItemT) -> None:
    """Print an object as the options say; the table has its columns, the others all fields."""
    if form_of(ctx) is Form.TABLE:
        rows = table("field", "value")
        for name, cell in noun.columns:
            rows.add_row(name, escape(cell(item)))
        out.print(rows)
    else:
        print_message(ctx, item)


def print_message(ctx: typer.Context, message: Message) -> None:
    """Print a message with all of its fields."""
    if form_of(ctx) is Form.JSON:
        write(json_text(message, indent=2))
    else:
        write(to_yaml(message).rstrip("\n"))
