"""The verbs that are the same for every noun: list, show, delete, and changing by a document."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from picstore_cli.completion import names_of
from picstore_cli.console import note
from picstore_cli.messages import changed_paths, parse_into
from picstore_cli.nouns import Noun
from picstore_cli.remote import Remote, RemoteCommand, first, print_list, print_one, run_remote
from picstore_client.method import ItemT, Method

LimitOption = Annotated[
    int, typer.Option("--limit", "-n", min=0, help="How many to show; 0 for all.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
FileOption = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="YAML or JSON with the object's fields; `-` for stdin."),
]
OnlyForOption = Annotated[
    str | None, typer.Option("--only-for", help="The one project that may use it.")
]
DEFAULT_LIMIT: Final = 100


def add_list(app: typer.Typer, noun: Noun[ItemT], example: str) -> None:
    """Add `list`."""

    @app.command("list", cls=RemoteCommand, help=help_text(f"List the {noun.title}s.", example))
    def list_all(ctx: typer.Context, limit: LimitOption = DEFAULT_LIMIT) -> None:
        async def work(remote: Remote) -> tuple[list[ItemT], bool]:
            project_id = await remote.project_id() if noun.in_project else ""
            request = noun.list_request(project_id)
            wanted = limit + 1 if limit else None
            return await first(remote.client.pages(noun.list, request, limit=wanted), limit)

        print_list(ctx, noun, run_remote(ctx, work))


def add_show(app: typer.Typer, noun: Noun[ItemT], example: str) -> None:
    """Add `show`."""
    argument = name_argument(noun)

    @app.command("show", cls=RemoteCommand, help=help_text(f"Show one {noun.title}.", example))
    def show(ctx: typer.Context, name: str = argument) -> None:
        print_one(ctx, noun, run_remote(ctx, lambda remote: find(remote, noun, name)))


def add_delete(app: typer.Typer, noun: Noun[ItemT], example: str) -> None:
    """Add `delete`."""
    argument = name_argument(noun)
    delete = noun.delete
    assert delete is not None

    @app.command("delete", cls=RemoteCommand, help=help_text(f"Delete one {noun.title}.", example))
    def delete_one(ctx: typer.Context, name: str = argument, yes: YesOption = False) -> None:
        confirm(f"Delete the {noun.title} {name}?", yes=yes)

        async def work(remote: Remote) -> str:
            project_id = await remote.project_id() if needs_project(noun, name) else ""
            found = await noun.id_of(remote.client, name, project_id=project_id)
            await remote.client.call(delete, delete.request(**{noun.id_field: found}))
            return found

        note(f"{noun.title} {run_remote(ctx, work)} is deleted")


def name_argument(noun: Noun[Any]) -> Any:
    """Return an argument that names an object."""
    words = f"Id ({noun.prefix}…)" + (f" or {noun.key.replace('_', ' ')}" if noun.key else "")
    return typer.Argument(help=f"{words}.", metavar="NAME", autocompletion=names_of(noun))


def needs_project(noun: Noun[Any], name: str) -> bool:
    """Whether a name has a meaning only within a project."""
    return noun.in_project and not name.startswith(noun.prefix)


async def find(remote: Remote, noun: Noun[ItemT], name: str) -> ItemT:
    """Return what a person names by id or name."""
    project_id = await remote.project_id() if needs_project(noun, name) else ""
    return await noun.find(remote.client, name, project_id=project_id)


async def change(
    remote: Remote,
    noun: Noun[ItemT],
    name: str,
    method: Method[Any, ItemT],
    document: dict[str, Any],
) -> ItemT:
    """Change the fields of an object that a document has otherwise than it, and no others.

    The change is refused if somebody else has changed the object since the document was written:
    since its etag, or since now where it has none.
    """
    current = await find(remote, noun, name)
    wanted = type(current)()
    parse_into(wanted, document)
    paths = list(changed_paths(current, wanted, document))
    if not paths:
        note("nothing to change: it is so already")
        return current
    identified: Any = wanted
    identified.id = current.id  # type: ignore[attr-defined]  # every object has one
    identified.etag = identified.etag or current.etag  # type: ignore[attr-defined]
    request: Message = method.request(
        **{_field_of(method): wanted, "update_mask": FieldMask(paths=paths)}
    )
    return await remote.client.call(method, request)


def _field_of(method: Method[Any, Any]) -> str:
    """Return the field of an update's request that holds the object."""
    kind = method.response.DESCRIPTOR.full_name
    fields = method.request.DESCRIPTOR.fields
    return str(next(f.name for f in fields if f.message_type and f.message_type.full_name == kind))


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that the command line gives: those that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def something(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document that says something.

    Raises:
        typer.BadParameter: It is empty.
    """
    if not document:
        raise typer.BadParameter("say what to change: an option, or a document by --file")
    return document


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that can't be undone.

    Raises:
        typer.BadParameter: Nobody is there to be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("this can't be undone: say --yes where nobody can be asked")
    typer.confirm(question, abort=True, err=True)


def parsed(parse: Callable[[str], Any], texts: Sequence[str] | str | None) -> Any:
    """Parse one text or several of the command line; nothing stays nothing.

    Raises:
        typer.BadParameter: One is wrong.
    """
    try:
        if texts is None or isinstance(texts, str):
            return None if texts is None else parse(texts)
        return [parse(text) for text in texts]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def pair(text: str) -> tuple[str, str]:
    """Split `key=value`.

    Raises:
        ValueError: It has no key, or no `=`.
    """
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ValueError(f"{text!r} must be written as key=value")
    return key, value


def help_text(sentence: str, example: str) -> str:
    """Return what `--help` says of a command."""
    return f"{sentence}\n\nExample:\n\n  picstore {example}"
