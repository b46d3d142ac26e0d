"""A font of a name that no installation has."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

FAMILY: Final = "Zorro"


def write_font(directory: Path) -> Path:
    """Write Inter under another name, whose letters are as many, and return the file."""
    [original] = [
        Path(str(file))
        for file in (files("fontpkg_inter") / "files").iterdir()
        if file.name.startswith("Inter[")
    ]
    data = original.read_bytes()
    for encoding in ("utf-16-be", "ascii"):
        data = data.replace("Inter".encode(encoding), FAMILY.encode(encoding))
    (path := directory / "zorro.ttf").write_bytes(data)
    return path
