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
from picstore_imaging.geometry import MAX_OUTPUT_PIXELS, Size
from picstore_imaging.ladder import top_of
from picstore_imaging.limits import Limits
from picstore_imaging.pipeline import SOURCE_STEPS
from picstore_imaging.probe import probe
from picstore_imaging.samples import in_bytes
from picstore_imaging.steps.scale import scaled
from picstore_kit.errors import InvalidArgument, Reason


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

    def decode(self, size: Size) -> pyvips.Image:
        """Return it upright and scaled to exactly `size`, in sRGB of bytes, with alpha if any.

        Raises `IMAGE_CORRUPT`, and `LIMIT_PIXELS` where a crop of it would be of too large a
        picture.
        """
        pixels = size.width * size.height
        if pixels > MAX_OUTPUT_PIXELS:
            raise InvalidArgument(
                Reason.LIMIT_PIXELS,
                f"the picture would be scaled to {pixels} pixels, {MAX_OUTPUT_PIXELS} are allowed",
                metadata={"actual": str(pixels), "limit": str(MAX_OUTPUT_PIXELS)},
            )
        drawn = self.probe.format is SourceFormat.SVG
        context = SourceContext(
            path=self.path, probe=self.probe, size=top_of([size], self.size, drawn=drawn)
        )
        with vips.corrupt_on_error():
            for step in SOURCE_STEPS:
                step(context)
            return in_bytes(scaled(context.image, size)).copy_memory()


Open = Callable[[str], Picture]
"""Finds the picture of an id."""
