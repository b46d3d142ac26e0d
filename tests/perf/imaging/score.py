"""How alike two pictures look: SSIMULACRA2, 100 for the same and about 80 for JPEG quality 80.

By the `ssimulacra2` package, a translation of the reference implementation into NumPy. It blurs
with a Gaussian filter of SciPy and not with the reference's recursive one, so that scores may
differ from it in the first decimal, for all encoders alike.
"""

from __future__ import annotations

import io

import pyvips
from PIL import Image
from ssimulacra2 import compute_ssimulacra2


def ssimulacra2(original: pyvips.Image, encoded: bytes) -> float:
    """Score an encoded picture beside its original; Pillow decodes it, AVIF by dav1d."""
    with Image.open(io.BytesIO(encoded)) as opened:
        decoded = opened.convert("RGB")
    return float(compute_ssimulacra2(_png(original), _png(decoded)))


def _png(image: pyvips.Image | Image.Image) -> io.BytesIO:
    if isinstance(image, pyvips.Image):
        return io.BytesIO(image.pngsave_buffer(compression=0))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=0)
    return buffer
