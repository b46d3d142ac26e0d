"""A hostile file, and what may become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason

Make = Callable[[], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file. It is made when it is needed, and is the same each time."""

    name: str
    format: SourceFormat
    """What it claims to be, or is."""
    make: Make
    reasons: frozenset[Reason]
    """For which it may be refused; none where it must be converted."""
    converts: bool
    """Whether outputs may be made of it."""
    declared_type: str = ""
    allow_svg: bool = True
    """Drawings are taken here, for the code behind that setting is what they attack."""


def refused(
    name: str,
    format: SourceFormat,
    make: Make,
    *reasons: Reason,
    declared_type: str = "",
    allow_svg: bool = True,
) -> Case:
    """A file of which no output may be made; `IMAGE_CORRUPT` where no reason is named."""
    return Case(
        name=name,
        format=format,
        make=make,
        reasons=frozenset(reasons or (Reason.IMAGE_CORRUPT,)),
        converts=False,
        declared_type=declared_type,
        allow_svg=allow_svg,
    )


def harmless(name: str, format: SourceFormat, make: Make) -> Case:
    """A file that must be converted, for it stays within every limit."""
    return Case(name=name, format=format, make=make, reasons=frozenset(), converts=True)


def either(name: str, format: SourceFormat, make: Make, *reasons: Reason) -> Case:
    """A file that decoders may disagree about; `IMAGE_CORRUPT` where no reason is named."""
    return Case(
        name=name,
        format=format,
        make=make,
        reasons=frozenset(reasons or (Reason.IMAGE_CORRUPT,)),
        converts=True,
    )
