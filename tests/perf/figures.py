"""The file that every benchmark adds its figures to: one flat JSON object, name to number."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


class UnreadableFigures(Exception):
    """The file is there but holds something else; it was left as it is."""


def add_figures(path: Path, figures: Mapping[str, float]) -> None:
    """Add `figures` to those in the file, replacing those of the same name.

    The file is replaced as a whole, so a reader never sees half of it, and a run that is killed
    loses nothing of earlier ones.

    Raises:
        UnreadableFigures: The file is no flat object of numbers.
        OSError: It can't be read or written.
    """
    merged = {**_read(path), **figures}
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(merged, file, indent=2, sort_keys=True)
            file.write("\n")
        os.replace(name, path)
    except BaseException:
        Path(name).unlink()
        raise


def _read(path: Path) -> dict[str, float]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UnreadableFigures(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict) or not all(type(v) in (int, float) for v in found.values()):
        raise UnreadableFigures(f"{path} is no flat object of numbers")
    return found
