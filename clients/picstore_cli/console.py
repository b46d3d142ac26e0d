"""What people see: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Final

import typer
from google.protobuf import json_format
from google.protobuf.message import Message
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from picstore.catalog.v1.conversion_pb2 import Format
from picstore.catalog.v1.image_pb2 import Image, Output
from picstore_kit.errors import PicstoreError, Reason

_WIDE: Final = 240
"""Columns of a table that is read by a program: no id is cut."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
"""For tables. What programs read goes through `write`."""
err = Console(stderr=True, highlight=False, soft_wrap=True)

_HINTS: Final = {
    Reason.CREDENTIAL_MISSING: "log in by `picstore login`, or set PICSTORE_API_KEY",
    Reason.CREDENTIAL_INVALID: (
        "log in by `picstore login`, or check PICSTORE_API_KEY: was it copied whole?"
    ),
    Reason.CREDENTIAL_EXPIRED: "log in again by `picstore login`, or ask for a new API key",
    Reason.CREDENTIAL_REVOKED: "log in again by `picstore login`, or ask for a new API key",
    Reason.LOGIN_FAILED: "check team, address and password; an administrator can invite you again",
    Reason.RATE_LIMITED: "wait before the next attempt",
    Reason.INVITATION_INVALID: "ask for a new one: `picstore users invite` makes it",
    Reason.PERMISSION_MISSING: "ask an administrator of the team for the permission",
    Reason.RESOURCE_NOT_FOUND: "check the name, and `picstore whoami` for the team",
    Reason.RESOURCE_EXISTS: "take another name, or update what there is",
    Reason.RESOURCE_IN_USE: "delete or change what uses it first",
    Reason.ETAG_MISMATCH: "somebody changed it meanwhile: look at it again, then repeat the change",
    Reason.FIELD_INVALID: "`--help` of the command says what it takes",
    Reason.STORAGE_TEST_FAILED: "grant or set what is missing, then repeat it",
    Reason.STORAGE_ENDPOINT_FORBIDDEN: "ask the operator to set up locations in private networks",
    Reason.OPERATOR_MANAGED: "ask the operator to change it, by `picstore bootstrap`",
    Reason.LAST_ADMIN: "give `team:admin` to somebody else first",
    Reason.UPLOAD_PROFILE_REQUIRED: "name one by --upload-profile",
    Reason.IMAGE_DUPLICATE: "take the picture that is there, or say --on-duplicate",
    Reason.PRESIGN_UNSUPPORTED: "leave --via out, or name the file yourself by --file",
    Reason.DEPENDENCY_UNAVAILABLE: "run `picstore doctor`",
    Reason.OVERLOADED: "try again in a moment",
}
_SKIPPED: Final[dict[str, str]] = {
    Reason.CONDITION_NOT_MET: "the profile does not want them of this original",
    Reason.WOULD_ENLARGE: "the original is smaller",
    Reason.WOULD_REDUCE: "the original is larger",
    Reason.SAME_AS_ANOTHER: "another output is the same",
    Reason.LARGER_THAN_BETTER: "a better format is smaller",
}


def write(text: str) -> None:
    """Write a line for programs: as it is, neither wrapped nor coloured."""
    typer.echo(text)


def note(text: str) -> None:
    """Write a line for people that is no result."""
    err.print(Text(text, style="dim"))


def fail(message: str, *, subject: str = "", detail: str = "", hint: str = "") -> None:
    """Say what went wrong with what, and what to do next."""
    err.print(
        Text.assemble(
            ("error: ", "red"),
            f"{subject}: " if subject else "",
            message,
            (f" ({detail})" if detail else "", "dim"),
        )
    )
    if hint:
        note(f"hint: {hint}")


def complain(error: PicstoreError | OSError, *, subject: str = "") -> None:
    """Tell of an error as `fail` does."""
    if isinstance(error, OSError):
        fail(error.strerror or str(error), subject=subject)
    else:
        fail(
            error.message,
            subject=subject,
            detail=error.reason.value,
            hint=_HINTS.get(error.reason, ""),
        )


def complain_as_json(error: PicstoreError, *, subject: str = "") -> None:
    """Tell a program of an error: one line of JSON on standard error."""
    told = {
        **({"subject": subject} if subject else {}),
        "code": error.code.name,
        "reason": error.reason.value,
        "message": error.message,
        "metadata": dict(error.metadata),
        "violations": [{"field": v.field, "description": v.description} for v in error.violations],
        "hint": _HINTS.get(error.reason, ""),
    }
    typer.echo(json.dumps({"error": told}, ensure_ascii=False), err=True)


def table(*columns: str, right: tuple[str, ...] = (), title: str = "") -> Table:
    """Return an empty table; the columns in `right` are numbers."""
    made = Table(title=escape(title) if title else None, title_justify="left")
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", no_wrap=name == "id")
    return made


def print_outputs(image: Image) -> None:
    """Print a row for each output that is wanted, and a line for each reason of the others."""
    outputs = table(
        *("format", "size", "density", "bytes", "CPU ms", "state"),
        right=("size", "density", "bytes", "CPU ms"),
        title=f"{image.filename}: {image.width}×{image.height}, {size(image.size_bytes)}",
    )
    for output in image.outputs:
        if output.state != Output.STATE_SKIPPED:
            outputs.add_row(*_cells(output))
    out.print(outputs)
    skipped = Counter(o.reason for o in image.outputs if o.state == Output.STATE_SKIPPED)
    for reason, count in sorted(skipped.items()):
        out.print(f"{count} not made: {_SKIPPED.get(reason, 'skipped')} ({reason})")


def _cells(output: Output) -> tuple[str, ...]:
    ready = output.state == Output.STATE_READY
    spec = output.spec
    width, height = (output.width, output.height) if ready else (spec.width, spec.height)
    state = state_name(Output.State.Name(output.state))
    return (
        format_name(spec.format),
        f"{width}×{height}",
        f"{spec.density:g}x",
        size(output.size_bytes) if ready else "",
        str(output.encode_cpu_ms) if ready else "",
        f"{state}: {output.reason}" if output.reason else state,
    )


def format_name(number: Format.ValueType) -> str:
    """Return a format as people write it; nothing if it is not known."""
    return Format.Name(number).removeprefix("FORMAT_").lower() if number else ""


def state_name(name: str) -> str:
    """Return the name of a state as people write it."""
    return name.removeprefix("STATE_").lower()


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def json_text(message: Message, *, indent: int | None) -> str:
    """Return a message as JSON, on one line without `indent`."""
    return json_format.MessageToJson(
        message, preserving_proto_field_name=True, indent=indent, ensure_ascii=False
    )
