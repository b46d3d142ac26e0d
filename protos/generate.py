"""Generate `libs/picstore` from the protos: stubs, type stubs and the documented descriptors.

    python protos/generate.py            write them
    python protos/generate.py --check    fail if what is committed is not what would be written

The descriptor image keeps the comments, which the stubs lose: the gateway builds its OpenAPI
document from it, and buf lints it without having to resolve imports.
"""

from __future__ import annotations

import argparse
import filecmp
import sys
import tempfile
from importlib import resources
from pathlib import Path

from google.api import annotations_pb2
from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
TARGET = PROTOS.parent / "libs" / "picstore"
IMAGE = "descriptors.binpb"
PLUGINS = ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
INIT = '"""Generated from protos/; never edited by hand."""\n'


def generate(target: Path) -> None:
    """Write the package `picstore` into the directory `target`, which is empty or absent."""
    root = target.parent
    root.mkdir(parents=True, exist_ok=True)
    target.mkdir(exist_ok=True)
    sources = {str(path.relative_to(PROTOS)): path.read_text() for path in PROTOS.rglob("*.proto")}
    with_services = [name for name, text in sources.items() if "\nservice " in text]
    includes = [
        f"-I{PROTOS}",
        f"-I{resources.files('grpc_tools') / '_proto'}",
        f"-I{Path(annotations_pb2.__file__).parents[2]}",
        # The plugins are installed beside this interpreter, which need not be on the PATH.
        *(f"--plugin={name}={Path(sys.executable).with_name(name)}" for name in PLUGINS),
    ]
    messages = [
        f"--python_out={root}",
        f"--mypy_out=quiet:{root}",
        "--include_imports",
        "--include_source_info",
        f"--descriptor_set_out={target / IMAGE}",
    ]
    stubs = [f"--grpc_python_out={root}", f"--mypy_grpc_out=quiet:{root}"]
    for outputs, names in ((messages, sources), (stubs, with_services)):
        if protoc.main(["protoc", *includes, *outputs, *sorted(names)]) != 0:
            sys.exit("protoc failed: its messages are above")
    for directory in [target, *(path for path in target.rglob("*") if path.is_dir())]:
        (directory / "__init__.py").write_text(INIT)
    (target / "py.typed").write_text("")


def differences(left: Path, right: Path) -> list[str]:
    """Name the files that are not the same in both trees, leaving out bytecode."""
    names = {
        str(path.relative_to(tree))
        for tree in (left, right)
        for path in tree.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    _, mismatch, missing = filecmp.cmpfiles(left, right, names, shallow=False)
    return sorted([*mismatch, *missing])


def main() -> None:
    """Write the stubs, or check them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / TARGET.name
        generate(fresh)
        stale = differences(fresh, TARGET)
        if not stale:
            return
        if options.check:
            sys.exit("stale, run `make protos`: " + ", ".join(stale))
    for path in sorted(TARGET.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    generate(TARGET)


if __name__ == "__main__":
    main()
