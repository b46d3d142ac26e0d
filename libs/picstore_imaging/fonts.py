"""Where librsvg finds fonts in a confined child. Pure: importable by every process."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CHILD_ENVIRONMENT: Final = {"FONTCONFIG_FILE": str(Path(__file__).with_name("fonts.conf"))}
"""For every child that opens pictures: the system's own configuration of fonts is in /etc, which a
confined child may not read, and without one a drawing has no text."""
