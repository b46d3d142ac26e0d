"""A real photo for the demonstration, from a package that is installed anyway."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from picstore_local.errors import LocalError


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPhoto:
    """A photo that anyone may show."""

    path: Path
    alt_text: str
    credit: str
    """Who made it, and on which terms it may be used."""


def demo_photo() -> DemoPhoto:
    """Return the photo.

    Raises:
        LocalError: The package that ships it is not installed.
    """
    # Found without importing the package, which takes a second.
    spec = find_spec("skimage")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "data" / "hubble_deep_field.jpg"
        if path.is_file():
            return DemoPhoto(
                path=path,
                alt_text="Thousands of galaxies in one small patch of the sky",
                credit="NASA and ESA, Hubble eXtreme Deep Field (2012), public domain; "
                "shipped by scikit-image",
            )
    raise LocalError("the demo photo is missing: pip install 'picstore[local]', or name your own")
