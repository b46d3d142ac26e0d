"""Doing a job once more, here: the same request to the same kind of child.

What comes of it is the same to the byte where versions and fonts are the same, and searches for a
quality begin where they began. Each job's outputs are made from one decode, so all of them are
named to the child even where only some are to be made.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from picstore_converter.admission import drawing_bytes
from picstore_converter.messages import (
    ChildMisbehaved,
    conversion_request,
    parse_message,
    take_over,
)
from picstore_converter.model import (
    DrawnOriginal,
    EncodedOutput,
    FailedOutput,
    Rendering,
    WantedOutput,
    death_of,
)
from picstore_converter.render_messages import (
    SOURCE,
    canvas_of,
    layer_name,
    parse_drawn,
    render_request,
)
from picstore_imaging.facts import SourceFacts
from picstore_imaging.fonts import child_environment
from picstore_imaging.recipe import Recipe
from picstore_kit.errors import PicstoreError, Reason
from picstore_kit.ids import ImageId, OutputId
from picstore_kit.sandbox.errors import Death
from picstore_kit.sandbox.limits import SandboxLimits
from picstore_kit.sandbox.pool import ChildPool, Room
from picstore_kit.scratch import temporary_directory

NEEDS: Final = ("pyvips", "numpy", "pillow_avif", "pi_heif")
"""Packages without which no child starts; the extra `converter` brings them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An output that was made, or an original that was drawn."""

    sha256: str
    size_bytes: int
    recipe: Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMade:
    """One that was not, and why."""

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
    fonts_dir: Path | None = None,
) -> dict[OutputId, Made | NotMade]:
    """Convert `source` as a job with these outputs would, but make only those of `only`.

    The files are put into the directory `keep`, by the output's id, or thrown away. `scratch` is
    a directory to work in; the child has its room in a part of it. `fonts_dir`, an absolute path,
    has the fonts of an operator, which drawings are drawn with.

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

        async with _child(limits, rooms, fonts_dir) as pool:
            try:
                async with aclosing(pool.call(request_for)) as messages:
                    async for message in messages:
                        assert made is not None  # whoever answers was asked
                        match parse_message(message, wanted=left, directory=made):
                            case EncodedOutput() as output:
                                del left[output.id]
                                name = f"{output.id}.{output.format.extension}"
                                results[output.id] = await asyncio.to_thread(
                                    _taken,
                                    output,
                                    private / name,
                                    None if keep is None else keep / name,
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


async def redraw(
    source: Path,
    facts: SourceFacts,
    rendering: Rendering,
    layers: Mapping[ImageId, Path],
    *,
    limits: SandboxLimits,
    scratch: Path,
    keep: Path | None = None,
    fonts_dir: Path | None = None,
) -> Made | NotMade:
    """Draw over `source` as a job would; `layers` are the originals of the pictures over it.

    The file is moved to the path `keep`, or thrown away. The rest is as in `replay`.

    Raises:
        SandboxIncomplete, ChildUnavailable: No child can be started.
        ScratchUnavailable: The disk does not work.
    """
    try:
        drawing_bytes(facts, rendering, limit_bytes=limits.memory_bytes)
    except PicstoreError as error:
        return NotMade(reason=error.reason, message=error.message)
    made: Path | None = None
    async with (
        temporary_directory(scratch, prefix="rooms-") as rooms,
        temporary_directory(scratch, prefix="private-") as private,
    ):
        originals = {SOURCE: source, **{layer_name(id): path for id, path in layers.items()}}
        for name, path in originals.items():
            await asyncio.to_thread(shutil.copyfile, path, private / name)
        size = max((private / name).stat().st_size for name in originals)

        def request_for(room: Room) -> dict[str, Any]:
            nonlocal made
            made = room.made
            files = {name: room.give(private / name, name) for name in originals}
            return render_request(facts, rendering, files, size=size, made=made)

        async with _child(limits, rooms, fonts_dir) as pool:
            try:
                async with aclosing(pool.call(request_for)) as messages:
                    async for message in messages:  # it says nothing before the last
                        assert made is not None  # whoever answers was asked
                        canvas = canvas_of(facts, rendering)
                        drawn = parse_drawn(message, canvas=canvas, directory=made)
                        return await asyncio.to_thread(_taken, drawn, private / "drawn", keep)
                raise ChildMisbehaved
            except PicstoreError as error:
                return NotMade(reason=error.reason, message=error.message, death=death_of(error))


@asynccontextmanager
async def _child(
    limits: SandboxLimits, work_dir: Path, fonts_dir: Path | None
) -> AsyncIterator[ChildPool]:
    """Start a child as a converter's are."""
    async with ChildPool(
        target="picstore_imaging.sandboxed:work",
        size=1,
        spares=0,
        limits=replace(limits, max_calls=1),
        env=child_environment(fonts_dir),
        work_dir=work_dir,
        readable=() if fonts_dir is None else (fonts_dir,),
    ) as pool:
        await pool.started()
        yield pool


def _taken(made: EncodedOutput | DrawnOriginal, path: Path, keep: Path | None) -> Made:
    """Take a file out of the child's reach, and believe nothing of it that can be seen here."""
    take_over(made.path, made.size_bytes, path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if keep is None:
        path.unlink()
    else:
        shutil.move(path, keep)
    return Made(sha256=sha256, size_bytes=made.size_bytes, recipe=made.recipe)
