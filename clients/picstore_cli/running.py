"""How a command runs: errors meant for people end it with a message and an exit code.

0: it did as it was told. 1: something failed that has no code of its own. 2: the command line, or
what it asked for, is wrong. 3: not found. 4: not logged in, or not allowed. 5: in conflict with
what is there: it exists, is in use or has changed. 6: not available now. 130: Ctrl-C.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import typer

from picstore_cli.bootstrap.reading import DocumentError
from picstore_cli.console import complain, complain_as_json, fail
from picstore_cli.context import NoContext
from picstore_cli.contexts import ContextsError
from picstore_kit.errors import Code, PicstoreError, Reason
from picstore_local.errors import LocalError

T = TypeVar("T")

_BY_REASON: Final = {
    Reason.RESOURCE_IN_USE: 5,
    Reason.STATE_WRONG: 5,
    Reason.LAST_ADMIN: 5,
    Reason.REQUEST_ID_REUSED: 5,
    Reason.OPERATOR_MANAGED: 4,
}
_BY_CODE: Final = {
    Code.INVALID_ARGUMENT: 2,
    Code.NOT_FOUND: 3,
    Code.UNAUTHENTICATED: 4,
    Code.PERMISSION_DENIED: 4,
    Code.ALREADY_EXISTS: 5,
    Code.ABORTED: 5,
    Code.UNAVAILABLE: 6,
    Code.DEADLINE_EXCEEDED: 6,
    Code.RESOURCE_EXHAUSTED: 6,
}


def exit_code(error: PicstoreError) -> int:
    """Return the exit code that tells programs of an error."""
    return _BY_REASON.get(error.reason, _BY_CODE.get(error.code, 1))


def run(work: Coroutine[Any, Any, T], *, as_json: bool = False) -> T:
    """Run a command's work and return its result; with `as_json` errors are told to programs."""
    try:
        return asyncio.run(work)
    except PicstoreError as error:
        (complain_as_json if as_json else complain)(error)
        raise typer.Exit(exit_code(error)) from None
    except (ContextsError, DocumentError, LocalError, NoContext) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(1)
