"""One output of a picture, and what may become of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from picstore_imaging.plan import OutputSpec
from picstore_imaging.recipe import Recipe
from picstore_kit.errors import InvalidField
from picstore_kit.ids import OutputId


class OutputState(StrEnum):
    """How far an output is."""

    QUEUED = "QUEUED"
    CONVERTING = "CONVERTING"
    READY = "READY"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


TERMINAL: Final = frozenset({OutputState.READY, OutputState.FAILED, OutputState.SKIPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """The file of an output, as the converter wrote and stored it."""

    object_key: str
    width: int
    height: int
    size_bytes: int
    sha256: bytes
    encode_cpu_ms: int
    recipe: Recipe | None = None
    """None where its converter did not tell, and where nobody asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An output as callers see it."""

    id: OutputId
    generation: int
    spec: OutputSpec
    state: OutputState
    reason: str
    """Why it is FAILED or SKIPPED; empty otherwise."""
    message: str
    file: StoredFile | None
    """Present exactly while it is READY."""
    url: str
    """Where everybody can load it; empty while it is not READY, and where nothing is public."""
    ready_time: datetime | None
    found_quality: int | None = None
    """What its recipe says that it was encoded with; None while it is not READY."""
    score: float | None = None
    """Where its quality was searched for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Useless:
    """An output that was made, and not stored because it is larger than a better one."""

    size_bytes: int
    better_size_bytes: int

    @property
    def message(self) -> str:
        """What the picture's owner is told."""
        return (
            f"it would have {self.size_bytes} bytes, and the one of the next better format has "
            f"{self.better_size_bytes}"
        )


def check_file(file: StoredFile, *, prefix: str) -> None:
    """Refuse a file that cannot be an output of the job whose keys lie in the folder `prefix`.

    Raises:
        InvalidField: The key lies elsewhere, or a measure is impossible.
    """
    folder, slash, name = file.object_key.rpartition("/")
    if not slash or folder != prefix or name in ("", ".", ".."):
        raise InvalidField("stored.object_key", "must lie under the job's output_key_prefix")
    for field, value in (
        ("width", file.width),
        ("height", file.height),
        ("size_bytes", file.size_bytes),
    ):
        if value < 1:
            raise InvalidField(f"stored.{field}", "must be at least 1")
    if len(file.sha256) != 32:
        raise InvalidField("stored.sha256", "must be 64 hexadecimal digits")
    if file.encode_cpu_ms < 0:
        raise InvalidField("stored.encode_cpu_ms", "must not be negative")
