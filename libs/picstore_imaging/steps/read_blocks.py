"""Read the metadata of the source before later steps lose it."""

from __future__ import annotations

import mmap
from dataclasses import replace

from picstore_imaging import exif
from picstore_imaging.blocks import Blocks
from picstore_imaging.context import SourceContext
from picstore_imaging.formats import SourceFormat


def read_blocks(context: SourceContext) -> None:
    """Keep them aside; what an output carries of them is decided for each.

    A TIFF is itself what others have as an EXIF block, and libvips makes none of it.
    """
    context.blocks = Blocks.of(context.image)
    if context.probe.format is SourceFormat.TIFF:
        with (
            context.path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            context.blocks = replace(context.blocks, exif=exif.of_tiff(data))
