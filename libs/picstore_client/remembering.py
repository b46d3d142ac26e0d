"""What is remembered of an upload that was interrupted, so that another process can go on."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError


class Remembered(BaseModel):
    """An upload that was made, as it is in the file."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    fingerprint: str
    """Of what is uploaded, and where to."""
    upload_id: str
    """Such as `upl_…`."""


def recall(path: Path) -> Remembered | None:
    """Return what the file says; nothing if there is none, or it is not one of ours.

    Raises:
        OSError: It can't be read.
    """
    try:
        return Remembered.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def remember(path: Path, remembered: Remembered) -> None:
    """Write the file, as a whole or not at all; folders that are missing are made.

    Raises:
        OSError: It can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(remembered.model_dump_json())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def forget(path: Path) -> None:
    """Delete the file, if it is there.

    Raises:
        OSError: It can't be deleted.
    """
    path.unlink(missing_ok=True)
