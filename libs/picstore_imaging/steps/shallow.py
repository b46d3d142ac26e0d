"""Take a deep picture to 8 bits, for an output that has no more."""

from __future__ import annotations

from picstore_imaging.context import OutputContext
from picstore_imaging.samples import in_bytes


def shallow(context: OutputContext) -> None:
    """Keep more than 8 bits only where the output does."""
    if not context.spec.deep and context.image.format == "ushort":
        context.image = in_bytes(context.image)
        context.done.append("16 → 8 bits")
