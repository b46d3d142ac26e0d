"""Read the metadata of the source before later steps lose it."""

from __future__ import annotations

from picstore_imaging.blocks import Blocks
from picstore_imaging.context import SourceContext


def read_blocks(context: SourceContext) -> None:
    """Keep them aside; what an output carries of them is decided for each."""
    context.blocks = Blocks.of(context.image)
