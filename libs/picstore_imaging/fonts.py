"""What a confined child is told by its environment. Pure: importable by every process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from picstore_imaging.overlay import fonts

_DIRECTORY: Final = "PICSTORE_FONTS_DIR"

RULES: Final = Path(__file__).with_name("fonts.conf")
"""Where fontconfig looks, and which fonts stand in for others."""

CHILD_ENVIRONMENT: Final = {
    "FONTCONFIG_FILE": str(RULES),
    "OPENBLAS_NUM_THREADS": "1",
    "SVT_LOG": "1",
    "VIPS_BLOCK_UNTRUSTED": "1",
}
"""For every child that opens pictures. The system's own configuration of fonts is in /etc, which a
confined child may not read, and without one a drawing has no text. SVT-AV1 tells of every encode on
stderr unless it is asked for errors only. NumPy's BLAS would start a thread for each core, each
with 40 MB of address space. libvips blocks the loaders that it does not trust from its very start,
before `vips.configure` blocks the rest."""


def child_environment(fonts_dir: Path | None) -> dict[str, str]:
    """For children that draw with the operator's fonts, too; they must be let read `fonts_dir`."""
    told = {} if fonts_dir is None else {_DIRECTORY: str(fonts_dir)}
    return {**CHILD_ENVIRONMENT, **told}


def directories(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Say where this process finds fonts, as its parent told it."""
    told = environment.get(_DIRECTORY)
    return fonts.directories(Path(told) if told else None)
