"""How far the lengths of a template may go, whatever canvas they are percentages of."""

from __future__ import annotations

from typing import Final

MAX_SIZE: Final = 4_096.0
"""Height of letters, in pixels."""
MIN_SIZE: Final = 1.0
"""What smaller letters are drawn as, in pixels: of them nothing would be left."""
MAX_OUTLINE: Final = 100.0
"""Width of an outline, in pixels."""
MAX_BLUR: Final = 100.0
"""Standard deviation of a shadow's blur, in pixels."""
MAX_SHADOW: Final = 200.0
"""How far a shadow is from its letters, in pixels on each axis."""
BLUR_REACH: Final = 3
"""Standard deviations after which a blur can't be seen."""
