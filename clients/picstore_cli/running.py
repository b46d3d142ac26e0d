"""How a command runs: errors meant for people end it with a message and an exit code.

0: it did as it was told. 1: something failed. 2: the command line is wrong. 130: Ctrl-C.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import typer

from picstore_cli.bootstrap.reading import DocumentError
from picstore_cli.console import complain, fail
from picstore_cli.context import NoContext
from picstore_kit.errors import PicstoreError
from picstore_local.errors import LocalError

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work and return its result."""
    try:
        return asyncio.run(work)
    except PicstoreError as error:
        complain(error)
    except (DocumentError, LocalError, NoContext) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(1)
