"""What a confined child is told by its environment. Pure: importable by every process."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CHILD_ENVIRONMENT: Final = {
    "FONTCONFIG_FILE": str(Path(__file__).with_name("fonts.conf")),
    "OPENBLAS_NUM_THREADS": "1",
    "SVT_LOG": "1",
}
"""For every child that opens pictures. The system's own configuration of fonts is in /etc, which a
confined child may not read, and without one a drawing has no text. SVT-AV1 tells of every encode on
stderr unless it is asked for errors only. NumPy's BLAS would start a thread for each core, each
with 40 MB of address space."""
