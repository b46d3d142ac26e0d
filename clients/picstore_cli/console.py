"""What people see: results on standard output, everything else on standard error."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from picstore.catalog.v1.conversion_pb2 import Format
from picstore.catalog.v1.image_pb2 import Image, Output
from picstore_kit.errors import PicstoreError, Reason

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False)

_HINTS = {
    Reason.CREDENTIAL_MISSING: "set PICSTORE_API_KEY",
    Reason.CREDENTIAL_INVALID: "check PICSTORE_API_KEY: was it copied whole?",
    Reason.CREDENTIAL_EXPIRED: "ask for a new API key",
    Reason.CREDENTIAL_REVOKED: "ask for a new API key",
    Reason.PERMISSION_MISSING: "ask an administrator of the team for the permission",
    Reason.UPLOAD_PROFILE_REQUIRED: "name one by --upload-profile",
    Reason.DEPENDENCY_UNAVAILABLE: "run `picstore doctor`",
    Reason.OVERLOADED: "try again in a moment",
}


def complain(error: PicstoreError, *, subject: str = "") -> None:
    """Say what went wrong, why, and what to do next."""
    before = f"{subject}: " if subject else ""
    err.print(f"[red]error:[/] {before}{error.message} [dim]({error.reason.value})[/]")
    if hint := _HINTS.get(error.reason):
        err.print(f"[dim]hint: {hint}[/]")


def outputs_table(image: Image) -> Table:
    """Return the table of a picture's outputs."""
    table = Table(title=f"{image.filename}: {image.width}×{image.height}, {size(image.size_bytes)}")
    for name in ("format", "size", "density", "bytes", "CPU ms", "state"):
        table.add_column(name, justify="left" if name in ("format", "state") else "right")
    for output in image.outputs:
        state = Output.State.Name(output.state).removeprefix("STATE_").lower()
        ready = output.state == Output.STATE_READY
        table.add_row(
            format_name(output.spec.format),
            f"{output.width}×{output.height}"
            if ready
            else f"{output.spec.width}×{output.spec.height}",
            f"{output.spec.density:g}x",
            size(output.size_bytes) if ready else "",
            str(output.encode_cpu_ms) if ready else "",
            state if not output.reason else f"{state}: {output.reason}",
        )
    return table


def format_name(number: Format.ValueType) -> str:
    """Return a format as people write it."""
    return Format.Name(number).removeprefix("FORMAT_").lower()


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"
