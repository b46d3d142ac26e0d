"""Making the outputs of a job once more, here: the same request to the same kind of child.

What comes of it is the same to the byte where versions are the same: each job's outputs are made
from one decode, so all of them are named to the child even where only some are to be made.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from picstore_converter.messages import conversion_request, parse_message, take_over
from picstore_converter.model import EncodedOutput, FailedOutput, WantedOutput, death_of
from picstore_imaging.facts import SourceFacts
from picstore_imaging.fonts import CHILD_ENVIRONMENT
from picstore_imaging.recipe import Recipe
from picstore_kit.errors import PicstoreError, Reason
from picstore_kit.ids import OutputId
from picstore_kit.sandbox.errors import Death
from picstore_kit.sandbox.limits import SandboxLimits
from picstore_kit.sandbox.pool import ChildPool, Room
from picstore_kit.scratch import temporary_directory

NEEDS: Final = ("pyvips", "numpy", "pillow_avif", "pi_heif")
"""Packages without which no child starts; the extra `converter` brings them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An output that was made."""

    sha256: str
    size_bytes: int
    recipe: Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMade:
    """An output that was not, and why."""

    reason: Reason
    message: str
    death: Death | None = None
    """Where the child died, or was told to."""


def missing() -> list[str]:
    """Name the packages that a child needs and that are not installed."""
    return [name for name in NEEDS if find_spec(name) is None]


async def replay(
    source: Path,
    facts: SourceFacts,
    outputs: Sequence[WantedOutput],
    *,
    only: Collection[OutputId],
    limits: SandboxLimits,
    scratch: Path,
    keep: Path | None = None,
) -> dict[OutputId, Made | NotMade]:
    """Convert `source` as a job with these outputs would, but make only those of `only`.

    The files are put into the directory `keep`, by the output's id, or thrown away. `scratch` is
    a directory to work in; the child has its room in a part of it.

    Raises:
        SandboxIncomplete, ChildUnavailable: No child can be started.
        ScratchUnavailable: The disk does not work.
    """
    results: dict[OutputId, Made | NotMade] = {}
    left = {output.id: output for output in outputs if output.id in only}
    made: Path | None = None
    async with (
        temporary_directory(scratch, prefix="rooms-") as rooms,
        temporary_directory(scratch, prefix="private-") as private,
    ):
        copy = private / "source"
        await asyncio.to_thread(shutil.copyfile, source, copy)
        size = copy.stat().st_size

        def request_for(room: Room) -> dict[str, Any]:
            nonlocal made
            made = room.made
            given = room.give(copy, copy.name)
            request = conversion_request(facts, outputs, given, size=size, made=made)
            return {**request, "only": list(left)}

        async with ChildPool(
            target="picstore_imaging.sandboxed:convert",
            size=1,
            spares=0,
            limits=replace(limits, max_calls=1),
            env=CHILD_ENVIRONMENT,
            work_dir=rooms,
        ) as pool:
            await pool.started()
            try:
                async with aclosing(pool.call(request_for)) as messages:
                    async for message in messages:
                        assert made is not None  # whoever answers was asked
                        match parse_message(message, wanted=left, directory=made):
                            case EncodedOutput() as output:
                                del left[output.id]
                                results[output.id] = await asyncio.to_thread(
                                    _taken, output, private, keep
                                )
                            case FailedOutput() as failed:
                                del left[failed.id]
                                results[failed.id] = NotMade(
                                    reason=failed.reason, message=failed.message
                                )
                            case _:
                                pass
            except PicstoreError as error:
                death = death_of(error)
                for output_id in left:
                    results[output_id] = NotMade(
                        reason=error.reason, message=error.message, death=death
                    )
    return results


def _taken(output: EncodedOutput, private: Path, keep: Path | None) -> Made:
    """Take a file out of the child's reach, and believe nothing of it that can be seen here."""
    path = private / output.id
    take_over(output.path, output.size_bytes, path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if keep is None:
        path.unlink()
    else:
        shutil.move(path, keep / f"{output.id}.{output.format.extension}")
    return Made(sha256=sha256, size_bytes=output.size_bytes, recipe=output.recipe)
