"""Fuzz one target until libFuzzer ends the process: `python -m tests.fuzz.one TARGET …`."""

from __future__ import annotations

import sys
from typing import Final

import atheris

_OURS: Final = ["picstore_imaging", "picstore_kit", "picstore_catalog", "picstore_gateway"]
"""What tells the fuzzer which of its lines were reached."""

with atheris.instrument_imports(include=_OURS):
    from tests.fuzz.every import TARGETS


def main() -> None:
    """Give it bytes without end; the arguments after its name are libFuzzer's."""
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
