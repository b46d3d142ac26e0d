"""Commands that are imported when they are run: `--help` and completion need not wait for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where a command is, and what the list of commands says of it."""

    module: str
    """In `picstore_cli.commands`."""
    attribute: str = "app"
    """A function, or a `typer.Typer` with sub-commands."""
    help: str
    """One sentence."""
    panel: str
    """The heading that it is listed under."""


class LazyGroup(TyperGroup):
    """A group of commands; subclasses say which."""

    entries: ClassVar[Mapping[str, Entry]]

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the commands in the order of the entries."""
        return list(self.entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return what stands for a command in the list of commands."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        return TyperCommand(cmd_name, help=entry.help, rich_help_panel=entry.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Import the command that the arguments begin with."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else self.load(name), rest

    @classmethod
    def load(cls, name: str) -> Any:
        """Import a command.

        Raises:
            KeyError: There is none of this name.
        """
        entry = cls.entries[name]
        target = getattr(import_module(f"picstore_cli.commands.{entry.module}"), entry.attribute)
        if not isinstance(target, typer.Typer):
            function, target = target, group()
            target.command(name)(function)
        command = get_command(target)
        command.name = name
        return command


def group(text: str | None = None) -> typer.Typer:
    """Return an empty group of commands with the help `text`."""
    return typer.Typer(
        help=text, no_args_is_help=True, add_completion=False, rich_markup_mode="markdown"
    )
