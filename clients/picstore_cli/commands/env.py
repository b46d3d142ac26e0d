"""`picstore env`."""

from __future__ import annotations

import shlex

import typer

from picstore_cli.console import fail, write
from picstore_cli.context import (
    DEMO_PROJECT,
    KEY_VARIABLE,
    PROJECT_VARIABLE,
    URL_VARIABLE,
    DataDirOption,
    local_stack,
)


def env(data_dir: DataDirOption = None) -> None:
    """Print, for a shell to evaluate, where the local stack is and the key to its demo team.

    Examples:

      eval "$(picstore env)"

      curl -H "Authorization: Bearer $PICSTORE_API_KEY" "$PICSTORE_URL/api/v1/projects"
    """
    stack = local_stack(data_dir)
    if stack is None or "gateway" not in stack.urls:
        fail("no stack runs here; start one: picstore up --demo")
        raise typer.Exit(1)
    variables = {
        URL_VARIABLE: stack.urls["gateway"],
        KEY_VARIABLE: stack.secrets["demo_api_key"],
        PROJECT_VARIABLE: DEMO_PROJECT,
        "PICSTORE_TARGETS__AUTH": stack.urls["auth"],
        "PICSTORE_TARGETS__CATALOG": stack.urls["catalog"],
        "PICSTORE_TARGETS__UPLOAD": stack.urls["upload"],
    }
    for name, value in variables.items():
        write(f"export {name}={shlex.quote(value)}")
