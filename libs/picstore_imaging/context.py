"""What the steps of a conversion work on: one context for the source, one for each output."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pyvips

from picstore_imaging.blocks import NO_BLOCKS, Blocks
from picstore_imaging.encoders.automatic import Sought
from picstore_imaging.encoders.used import EncoderUsed
from picstore_imaging.facts import Probe
from picstore_imaging.geometry import Size
from picstore_imaging.spec import OutputSpec


@dataclass(slots=True, kw_only=True)
class SourceContext:
    """The source on its way from the file to upright sRGB, or P3, pixels in memory."""

    path: Path
    probe: Probe
    size: Size
    """What the largest output needs of it, upright."""
    deep: bool = False
    """Whether an output keeps more than 8 bits."""
    wide_gamut: bool = False
    """Whether an output is to keep colours beyond sRGB."""
    blocks: Blocks = NO_BLOCKS
    """Set by the step after that."""
    image: pyvips.Image = None
    """Set by the first step, replaced by each later one."""
    done: list[str] = field(default_factory=list)
    """What the steps did, for the recipe; a step that had nothing to do says nothing."""

    @property
    def sideways(self) -> bool:
        """Whether the stored pixels lie on their side."""
        return self.probe.orientation >= 5

    @property
    def stored_size(self) -> Size:
        """`size` as the stored pixels lie, before they are turned upright."""
        return Size(self.size.height, self.size.width) if self.sideways else self.size


@dataclass(slots=True, kw_only=True)
class OutputContext:
    """One output on its way from a rung of the ladder to its file."""

    spec: OutputSpec
    path: Path
    """The file to write."""
    image: pyvips.Image
    """The whole picture, scaled; replaced by each step."""
    blocks: Blocks = NO_BLOCKS
    """The metadata of the source."""
    corner: tuple[int, int] | None = None
    """Where a crop begins, from the left and the top; set by the first frame for all."""
    done: list[str] = field(default_factory=list)
    """What the steps did, for the recipe."""
    encoder: EncoderUsed | None = None
    """Set by the last step."""
    start_quality: int | None = None
    """Where the search for an automatic quality begins; None where nothing is known."""
    sought: Sought | None = None
    """Set by the last step where the quality was searched for."""
