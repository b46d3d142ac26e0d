"""Pictures on their way into an overlay: decoded as a conversion does it, at the size needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyvips

from picstore_imaging import vips
from picstore_imaging.context import SourceContext
from picstore_imaging.facts import Probe
from picstore_imaging.formats import SourceFormat
from picstore_imaging.geometry import Size
from picstore_imaging.ladder import top_of
from picstore_imaging.limits import Limits
from picstore_imaging.overlay.boxes import Rect
from picstore_imaging.pipeline import SOURCE_STEPS
from picstore_imaging.probe import probe
from picstore_imaging.samples import in_bytes
from picstore_imaging.steps.scale import scaled


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A file that was probed: its first frame is what is drawn."""

    path: Path
    probe: Probe

    @classmethod
    def of(cls, path: Path, source_format: SourceFormat, limits: Limits) -> Picture:
        """Probe a file; raises what `probe` raises."""
        return cls(path=path, probe=probe(path, source_format, limits))

    @property
    def size(self) -> Size:
        """Its own, upright."""
        return Size(self.probe.width, self.probe.height)

    def decode(self, size: Size) -> Decoded:
        """Decode it, upright and in sRGB, as large as is needed to scale it to `size`.

        Raises `IMAGE_CORRUPT`.
        """
        drawn = self.probe.format is SourceFormat.SVG
        context = SourceContext(
            path=self.path, probe=self.probe, size=top_of([size], self.size, drawn=drawn)
        )
        with vips.corrupt_on_error():
            for step in SOURCE_STEPS:
                step(context)
        return Decoded(image=context.image, scaled_to=size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A picture in memory, no larger than its file or what is wanted of it."""

    image: pyvips.Image
    scaled_to: Size
    """The size that is wanted."""

    def whole(self) -> pyvips.Image:
        """Return it in exactly that size, with bytes, and alpha if any."""
        with vips.corrupt_on_error():
            return in_bytes(scaled(self.image, self.scaled_to)).copy_memory()

    def part(self, rect: Rect) -> pyvips.Image:
        """Return a part of the same, which must be within it; the rest is not computed."""
        with vips.corrupt_on_error():
            return in_bytes(scaled(self.image, self.scaled_to, rect)).copy_memory()


Open = Callable[[str], Picture]
"""Finds the picture of an id."""
