"""What is said to a sandboxed child, and what is believed of its answers.

A child reads hostile files, so its answers are not trusted: they may name only outputs that were
asked for, once, and files in the child's own room; every value is checked against what was asked
or for its form. Anything else counts as a crash of the child.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from picstore_converter.model import (
    EncodedOutput,
    FailedOutput,
    Placeholder,
    WantedOutput,
)
from picstore_imaging.facts import SourceFacts
from picstore_imaging.limits import Limits
from picstore_imaging.recipe import Recipe
from picstore_kit.errors import Reason, Unavailable
from picstore_kit.ids import OutputId
from picstore_kit.scratch import scratch_errors

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
_THUMBHASH: Final = re.compile(r"[A-Za-z0-9+/]{1,64}={0,2}")
_PREVIEW: Final = re.compile(r"UklGR[A-Za-z0-9+/]{16,371}={0,2}")
"""A WebP, which begins with `RIFF`, in base64."""
_MAX_COLOURS: Final = 5
_MAX_TEXT: Final = 500
_MAX_CPU_MS: Final = 24 * 60 * 60 * 1000

_FAILURES: Final = frozenset(
    {
        Reason.ENCODE_FAILED,
        Reason.CHILD_MEMORY,
        *(reason for reason in Reason if reason.startswith(("IMAGE_", "LIMIT_"))),
    }
)
"""Why an output may fail; the other reasons are not a child's to give."""


class ChildMisbehaved(Unavailable):
    """A child did not do what it was asked to; another one may."""

    def __init__(self) -> None:
        super().__init__(
            Reason.CHILD_CRASHED, "the process that converts pictures answered nonsense"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the whole conversion cost inside the child."""

    decode_ms: float
    cpu_ms: float
    wall_ms: float
    peak_rss_bytes: int


Message = EncodedOutput | FailedOutput | Placeholder | Totals


def conversion_request(
    facts: SourceFacts, outputs: Iterable[WantedOutput], source: Path, *, size: int, made: Path
) -> dict[str, Any]:
    """Ask for outputs of the file `source` of `size` bytes, of which the facts are known.

    They come into the directory `made`.
    """
    # What was admitted when it was uploaded is converted; what is now larger is something else.
    admitted = Limits(
        bytes=size,
        pixels=facts.pixels,
        pixels_whole_decode=facts.pixels,
        side=max(facts.width, facts.height),
        frames=facts.frames,
    )
    return {
        "path": str(source),
        "format": facts.format.value,
        "work_dir": str(made),
        "limits": admitted.to_json(),
        "outputs": [
            {
                "id": output.id,
                "spec": output.spec.to_json(),
                "after": output.better_id,
                "start_quality": output.start_quality,
            }
            for output in outputs
        ],
    }


def parse_message(
    message: Mapping[str, Any], *, wanted: Mapping[OutputId, WantedOutput], directory: Path
) -> Message:
    """Read one answer of the child; `wanted` are the outputs that it has not spoken of.

    Raises:
        ChildMisbehaved: The answer makes no sense.
    """
    try:
        match message.get("event"):
            case "output":
                return _encoded(message, wanted, directory)
            case "output_failed":
                return _failed(message, wanted)
            case "placeholder":
                return Placeholder(
                    thumbhash=_matching(_THUMBHASH, message["thumbhash"]),
                    dominant_colour=_matching(_COLOUR, message["dominant_colour"]),
                    palette=_palette(message["palette"]),
                    preview=_matching(_PREVIEW, message["preview"]),
                )
            case None:
                return Totals(
                    decode_ms=float(message["decode_ms"]),
                    cpu_ms=float(message["cpu_ms"]),
                    wall_ms=float(message["wall_ms"]),
                    peak_rss_bytes=int(message["peak_rss_bytes"]),
                )
            case _:
                raise ValueError("no event that is known")
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise ChildMisbehaved from error


def take_over(written: Path, size_bytes: int, path: Path) -> None:
    """Move what a child has written to `path`, out of its reach, and see that it is a file.

    A link in its place would publish a file that is not the child's. Blocks.

    Raises:
        ChildMisbehaved: It is missing, no plain file, or not as long as the child says.
        ScratchUnavailable: The disk does not work.
    """
    with scratch_errors():
        try:
            os.rename(written, path)
        except FileNotFoundError:
            raise ChildMisbehaved from None
        found = path.lstat()
    plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    if not plain or found.st_size != size_bytes:
        raise ChildMisbehaved


def _encoded(
    message: Mapping[str, Any], wanted: Mapping[OutputId, WantedOutput], directory: Path
) -> EncodedOutput:
    output = wanted[message["id"]]
    spec = output.spec
    name = f"{output.id}.{spec.format.extension}"
    if (message["width"], message["height"]) != (spec.width, spec.height):
        raise ValueError("not the size that was asked for")
    if message["path"] != str(directory / name):
        raise ValueError("not the place that was asked for")
    if not isinstance(message["bytes"], int) or message["bytes"] < 1:
        raise ValueError("not a length")
    return EncodedOutput(
        id=output.id,
        path=directory / name,
        format=spec.format,
        width=spec.width,
        height=spec.height,
        density=spec.density,
        size_bytes=message["bytes"],
        sha256=_matching(_SHA256, message["sha256"]),
        cpu_ms=min(max(round(float(message["cpu_ms"])), 0), _MAX_CPU_MS),
        recipe=parse_recipe(message["recipe"]),
    )


def _failed(message: Mapping[str, Any], wanted: Mapping[OutputId, WantedOutput]) -> FailedOutput:
    reason = Reason(message["reason"])
    if reason not in _FAILURES:
        raise ValueError("not a reason for which an output fails")
    text = str(message["message"])[:_MAX_TEXT]
    return FailedOutput(
        id=wanted[message["id"]].id,
        reason=reason,
        message="".join(character for character in text if character.isprintable()),
    )


def parse_recipe(fields: object) -> Recipe:
    """Read how the child says that it made something.

    Raises:
        KeyError, TypeError, ValueError: It is no recipe, or larger than one may be.
    """
    if not isinstance(fields, dict):
        raise ValueError("not a recipe")
    return Recipe.from_json(fields)


def _palette(colours: object) -> tuple[str, ...]:
    if not isinstance(colours, list) or len(colours) > _MAX_COLOURS:
        raise ValueError("not a few colours")
    return tuple(_matching(_COLOUR, colour) for colour in colours)


def _matching(pattern: re.Pattern[str], text: object) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise ValueError("not of the form that was asked for")
    return text
