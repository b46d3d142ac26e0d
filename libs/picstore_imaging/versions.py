"""Which versions of what makes pictures are installed: what a failure is reproduced with.

Pure: it reads what the packages say of themselves and loads none.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

_PACKAGES: Final = (
    "picstore",
    "pyvips",
    "pyvips-binary",
    "simplejpeg",
    "pillow-avif-plugin",
    "pi-heif",
)


@lru_cache(maxsize=1)
def installed() -> dict[str, str]:
    """Return the version of each package that is there, by name."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
