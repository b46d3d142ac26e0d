"""`picstore context`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

import typer
from rich.markup import escape

from picstore_cli.completion import context_names
from picstore_cli.console import fail, note, out, table, write
from picstore_cli.contexts import (
    Contexts,
    ContextsError,
    contexts_path,
    load_contexts,
    save_contexts,
)
from picstore_cli.lazy import group

app = group("Contexts: the Pic Stores that you are logged in to.")

NameArgument = Annotated[
    str, typer.Argument(help="As `list` shows it.", autocompletion=context_names)
]


def _load() -> Contexts:
    try:
        return load_contexts(contexts_path())
    except ContextsError as error:
        fail(str(error))
        raise typer.Exit(1) from None


@app.command("list")
def list_contexts(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the contexts; the credentials are not shown.

    Example:

      picstore context list
    """
    contexts = _load()
    rows = table("current", "name", "gateway", "team", "user", "project")
    for name, context in contexts.contexts.items():
        current = name == contexts.current
        shown = (context.url, context.team, context.email or "API key", context.project)
        if as_json:
            fields = context.model_dump(exclude={"credential"})
            write(json.dumps({"name": name, "current": current, **fields}))
        rows.add_row("*" if current else "", *map(escape, (name, *shown)))
    if not as_json:
        out.print(rows)


@app.command("show")
def show_context() -> None:
    """Print the name of the current context.

    Example:

      picstore context show
    """
    name = _load().current
    if not name:
        fail("no context is current", hint="`picstore login` makes one, `context use` takes one")
        raise typer.Exit(1)
    write(name)


@app.command("use")
def use_context(name: NameArgument) -> None:
    """Make a context the current one.

    Example:

      picstore context use acme@pictures.example.com
    """
    _save(lambda contexts: contexts.using(name))


@app.command("rename")
def rename_context(
    name: NameArgument, new: Annotated[str, typer.Argument(help="Its new name.")]
) -> None:
    """Give a context another name.

    Example:

      picstore context rename acme@pictures.example.com acme
    """
    _save(lambda contexts: contexts.renamed(name, new))


@app.command("delete")
def delete_context(name: NameArgument) -> None:
    """Forget a context; its session stays, `picstore logout` ends that, too.

    Example:

      picstore context delete acme
    """
    _save(lambda contexts: contexts.without(name))
    note(f"the context {name} is forgotten")


def _save(change: Callable[[Contexts], Contexts]) -> None:
    contexts = _load()
    try:
        save_contexts(contexts_path(), change(contexts))
    except ContextsError as error:
        fail(str(error))
        raise typer.Exit(1) from None
