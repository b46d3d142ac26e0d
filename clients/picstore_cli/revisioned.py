"""The verbs of objects with revisions: making one, its history, and going back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import typer
from google.protobuf.message import Message
from rich.markup import escape

from picstore_cli.console import out, table
from picstore_cli.messages import parse_into, read_document
from picstore_cli.nouns import Noun
from picstore_cli.remote import (
    Form,
    Remote,
    RemoteCommand,
    first,
    form_of,
    print_message,
    print_one,
    run_remote,
)
from picstore_cli.verbs import DEFAULT_LIMIT, LimitOption, given, help_text
from picstore_client.method import ItemT, ListMethod, Method

_ONES_OWN: Final = ("id", "etag", "revision", "create_time", "update_time")


def fill_new(message: Message, file: Path | None, **options: Any) -> None:
    """Fill an object that is to be made from a document and the options beside it.

    The document may be another object's; what is that one's own is not taken from it.
    """
    parse_into(message, read_document(file) if file else {})
    parse_into(message, given(**options))
    for field in _ONES_OWN:
        message.ClearField(field)


def add_history(
    app: typer.Typer,
    noun: Noun[Any],
    method: ListMethod[Any, Any, ItemT],
    *,
    argument: Any,
    sentence: str,
    example: str,
    columns: Sequence[tuple[str, Callable[[ItemT], str]]],
    right: tuple[str, ...],
) -> None:
    """Add `history`; `columns` are those of its table, and numbers if they are in `right`."""

    @app.command("history", cls=RemoteCommand, help=help_text(sentence, example))
    def history(
        ctx: typer.Context, name: str = argument, limit: LimitOption = DEFAULT_LIMIT
    ) -> None:
        async def work(remote: Remote) -> list[ItemT]:
            found = await noun.id_of(remote.client, name)
            request = method.request(**{noun.id_field: found})
            revisions, _ = await first(remote.client.pages(method, request), limit)
            return revisions

        revisions = run_remote(ctx, work)
        if form_of(ctx) is not Form.TABLE:
            for revision in revisions:
                print_message(ctx, revision)
            return
        rows = table(*(title for title, _ in columns), right=right)
        for revision in revisions:
            rows.add_row(*(escape(cell(revision)) for _, cell in columns))
        out.print(rows)


def add_rollback(
    app: typer.Typer,
    noun: Noun[ItemT],
    method: Method[Any, ItemT],
    *,
    argument: Any,
    sentence: str,
    example: str,
) -> None:
    """Add `rollback`."""
    earlier: Any = typer.Argument(min=1, help="As `history` lists it.")

    @app.command("rollback", cls=RemoteCommand, help=help_text(sentence, example))
    def rollback(ctx: typer.Context, name: str = argument, revision: int = earlier) -> None:
        async def work(remote: Remote) -> ItemT:
            current: Any = await noun.find(remote.client, name)
            request = method.request(
                **{noun.id_field: current.id}, revision=revision, etag=current.etag
            )
            return await remote.client.call(method, request)

        print_one(ctx, noun, run_remote(ctx, work))
