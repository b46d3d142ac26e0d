"""What is said to a sandboxed child, and what is believed of its answers.

A child reads hostile files, so its answers are not trusted: they may name only outputs that were
asked for and files in the job's own directory, and anything else counts as a crash of the child.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from picstore_converter.model import (
    Claim,
    EncodedOutput,
    FailedOutput,
    Placeholder,
    WantedOutput,
)
from picstore_kit.errors import Reason, Unavailable
from picstore_kit.ids import OutputId


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the whole conversion cost inside the child."""

    decode_ms: float
    cpu_ms: float
    wall_ms: float
    peak_rss_bytes: int


Message = EncodedOutput | FailedOutput | Placeholder | Totals


def conversion_request(claim: Claim, source: Path) -> dict[str, Any]:
    """Ask for everything that the claim still wants of the file `source`."""
    return {
        "path": str(source),
        "format": claim.facts.format.value,
        "work_dir": str(source.parent),
        "outputs": [{"id": output.id, "spec": output.spec.to_json()} for output in claim.outputs],
    }


def parse_message(
    message: Mapping[str, Any], *, wanted: Mapping[OutputId, WantedOutput], directory: Path
) -> Message:
    """Read one answer of the child.

    Raises:
        Unavailable: CHILD_CRASHED, the answer makes no sense.
    """
    try:
        match message.get("event"):
            case "output":
                return _encoded(message, wanted, directory)
            case "output_failed":
                return _failed(message, wanted)
            case "placeholder":
                return Placeholder(
                    thumbhash=str(message["thumbhash"]),
                    dominant_colour=str(message["dominant_colour"]),
                )
            case _:
                return Totals(
                    decode_ms=float(message["decode_ms"]),
                    cpu_ms=float(message["cpu_ms"]),
                    wall_ms=float(message["wall_ms"]),
                    peak_rss_bytes=int(message["peak_rss_bytes"]),
                )
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(
            Reason.CHILD_CRASHED, "the process that converts pictures answered nonsense"
        ) from error


def _encoded(
    message: Mapping[str, Any], wanted: Mapping[OutputId, WantedOutput], directory: Path
) -> EncodedOutput:
    output = wanted[OutputId(str(message["id"]))]
    return EncodedOutput(
        id=output.id,
        path=directory / Path(str(message["path"])).name,
        format=output.spec.format,
        width=int(message["width"]),
        height=int(message["height"]),
        density=output.spec.density,
        size_bytes=int(message["bytes"]),
        sha256=str(message["sha256"]),
        cpu_ms=round(float(message["cpu_ms"])),
    )


def _failed(message: Mapping[str, Any], wanted: Mapping[OutputId, WantedOutput]) -> FailedOutput:
    return FailedOutput(
        id=wanted[OutputId(str(message["id"]))].id,
        reason=Reason(str(message["reason"])),
        message=str(message["message"]),
    )
