"""What is asked of a child that needs no file."""

from __future__ import annotations

from typing import Any

from picstore_kit.sandbox.pool import RequestFor


def asked(do: str, **fields: Any) -> RequestFor:
    """Ask for one of the actions in `targets`, whatever room the child has."""
    return lambda _room: {"do": do, **fields}
