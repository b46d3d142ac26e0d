"""Makes this process's fontconfig find the fonts of the installation."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, MutableMapping
from pathlib import Path
from xml.sax.saxutils import escape

import pyvips

from picstore_imaging.fonts import RULES, directories


def load(environment: MutableMapping[str, str]) -> None:
    """Read the headers of all fonts, before this process's first letter; harmless later.

    Nothing is cached: those that come with the converter take 0.1 CPU-seconds. Where no file can be
    written, only the system's fonts are found.
    """
    try:
        file = tempfile.NamedTemporaryFile(mode="w", suffix=".conf")  # noqa: SIM115
    except OSError:
        pyvips.Image.text("a")
        return
    # fontconfig takes nothing but a file, and has read it when the first letter is drawn.
    with file:
        file.write(configuration(directories(environment)))
        file.flush()
        environment["FONTCONFIG_FILE"] = file.name
        pyvips.Image.text("a")
    environment["FONTCONFIG_FILE"] = str(RULES)


def configuration(places: Iterable[Path]) -> str:
    """Write what fontconfig reads: the directories, in order, and the rules of `fonts.conf`."""
    listed = "".join(f"<dir>{escape(str(place))}</dir>" for place in places)
    return f"<fontconfig>{listed}<include>{escape(str(RULES))}</include></fontconfig>"
