"""Which families of fonts an installation has, for overlays and drawings.

They are those of the packages that come with the converter, of the directory that the operator
names, and of the system. Pure: importable by every process.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final

from picstore_imaging.overlay.sfnt import SUFFIXES, families_of
from picstore_kit.errors import FailedPrecondition, Reason

PACKAGES: Final = (
    "fontpkg_inter",
    "manimgx_fonts",
    "fontpkg_noto_serif",
    "manimgx_fonts_cjk",
)
"""Python packages that have the bundled fonts in them, all under the SIL Open Font License: Inter;
Noto Sans for Latin, Greek and Cyrillic, 19 other scripts, symbols and emoji; Noto Serif; and Noto
Sans CJK."""
SYSTEM: Final = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))

_MAX_FILES: Final = 5_000
_MAX_KNOWN: Final = 450
"""Characters that an error names families in."""


class FontUnknown(FailedPrecondition):
    """An overlay names a family that the installation does not have."""

    def __init__(self, family: str, known: Iterable[str]) -> None:
        listed = _most_alike_first(family, known)
        super().__init__(
            Reason.FONT_UNKNOWN,
            f'there is no font "{family}"; there are, for instance, {listed}'
            if listed
            else f'there is no font "{family}", nor any other',
            metadata={"font": family, "known": listed},
        )


def directories(fonts_dir: Path | None) -> tuple[Path, ...]:
    """Say where fonts are: first the operator's, then those of packages and of the system."""
    specs = (find_spec(package) for package in PACKAGES)
    bundled = [
        Path(place)
        for spec in specs
        if spec is not None
        for place in spec.submodule_search_locations or ()
    ]
    return (*([] if fonts_dir is None else [fonts_dir]), *bundled, *SYSTEM)


@lru_cache(maxsize=4)
def families(places: tuple[Path, ...]) -> tuple[str, ...]:
    """Name the families in directories and what is beneath them, sorted; read once."""
    return tuple(sorted(origins(places), key=str.casefold))


@lru_cache(maxsize=4)
def origins(places: tuple[Path, ...]) -> Mapping[str, Path]:
    """Say of each family in which of the directories it was found first."""
    found: dict[str, Path] = {}
    for place, path in _files(places):
        for name in families_of(path):
            found.setdefault(name, place)
    return MappingProxyType(found)


def check_known(family: str, known: Sequence[str]) -> None:
    """Raise `FontUnknown` for a family that is none of `known`, whatever its case."""
    if family.casefold() not in {name.casefold() for name in known}:
        raise FontUnknown(family, known)


def _files(places: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield directories and the fonts in them."""
    seen = 0
    for place in places:
        for directory, _, names in os.walk(place):
            for name in sorted(names):
                path = Path(directory, name)
                if path.suffix.lower() not in SUFFIXES:
                    continue
                seen += 1
                if seen > _MAX_FILES:
                    return
                yield place, path


def _most_alike_first(family: str, known: Iterable[str]) -> str:
    names = {name.casefold(): name for name in known if name.isascii()}
    alike = difflib.get_close_matches(family.casefold(), names, n=5, cutoff=0.5)
    ordered = [names[name] for name in dict.fromkeys([*alike, *names])]
    text = ""
    for name in ordered:
        longer = f"{text}, {name}" if text else name
        if len(longer) > _MAX_KNOWN:
            break
        text = longer
    return text
