"""Measures Pic Store: `python -m tests.perf [GROUP…]`, or `make bench` and `make bench-GROUP`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picstore_imaging.fonts import CHILD_ENVIRONMENT
from picstore_kit.log import configure_logging
from picstore_kit.settings import TelemetrySettings
from tests.perf import bus, catalog, ingest, overhead, upload
from tests.perf.figures import UnreadableFigures, add_figures
from tests.perf.imaging import autoq, avif, suite
from tests.perf.imaging.peers.peer import THUMBOR_VARIABLE
from tests.perf.photos import VARIABLE, NoPhotos
from tests.perf.tables import cores, load, show

BENCH_FILE: Final = Path("build/bench.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Benchmarks that run together."""

    summary: str
    run: Callable[[], Mapping[str, float]]
    """Measures, prints a table, and returns the figures by name."""
    part: bool = False
    """Whether another group has it in it, so that a run of all need not repeat it."""


GROUPS: Final = {
    "imaging": Group(
        summary="the ladder and sharp's task beside codecs and peers; memory; the first output; "
        "the curve of AVIF",
        run=suite.run,
    ),
    "avif": Group(
        summary="bytes at equal quality against CPU time, by AVIF effort", run=avif.run, part=True
    ),
    "autoq": Group(summary="automatic quality: encodes, off target, bytes, CPU", run=autoq.run),
    "overhead": Group(summary="from upload to READY, without the converting", run=overhead.run),
    "upload": Group(summary="memory while a file of 500 MB streams in", run=upload.run),
    "ingest": Group(
        summary="every way to upload beside a plain PUT; memory; slow clients", run=ingest.run
    ),
    "catalog": Group(
        summary="lookups, pages and permissions of a million pictures", run=catalog.run
    ),
    "bus": Group(summary="from a published job to its handler", run=bus.run),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the groups that were named, or all, and return the exit status."""
    options = _parser().parse_args(arguments)
    configure_logging("bench", TelemetrySettings(log_level="warning"))
    os.environ.update(CHILD_ENVIRONMENT)  # for what is converted in this process
    try:
        for name in options.groups or [name for name, group in GROUPS.items() if not group.part]:
            _measure(name, options.output)
    except (NoPhotos, UnreadableFigures) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _measure(name: str, output: Path) -> None:
    before = load()
    figures = {**GROUPS[name].run(), f"{name}_load": before}
    add_figures(output, figures)
    show(
        f"{name}: added to {output} (load {before:.1f} before, {load():.1f} after, "
        f"on {cores()} cores)",
        ("figure", "value"),
        [(figure, f"{value:.3f}") for figure, value in figures.items()],
    )


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, GROUPS))
    groups = "\n".join(f"  {name:{width}}  {group.summary}" for name, group in GROUPS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.perf",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measure Pic Store, and add the figures to a flat JSON object.",
        epilog=f"""groups:
{groups}

environment:
  {VARIABLE}  folder of photos to measure with: its JPEGs of 12 to 24 MP
  {THUMBOR_VARIABLE}  the Python of an environment with thumbor, to measure beside it

examples:
  python -m tests.perf                   everything
  python -m tests.perf imaging bus       two groups
  {VARIABLE}=~/Pictures python -m tests.perf imaging
""",
    )
    parser.add_argument(
        "groups",
        nargs="*",
        metavar="GROUP",
        type=_group,
        help="what to measure; everything if not given",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=BENCH_FILE,
        metavar="FILE",
        help="the file to add the figures to (default: %(default)s)",
    )
    return parser


def _group(name: str) -> str:
    if name not in GROUPS:
        raise argparse.ArgumentTypeError(f"there is no group {name}; try {', '.join(GROUPS)}")
    return name


if __name__ == "__main__":
    sys.exit(main())
