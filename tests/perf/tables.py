"""How benchmarks show what they measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from statistics import median, quantiles

from rich.console import Console
from rich.table import Table


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the first column holds names, the others numbers."""
    table = Table()
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row)
    console = Console()
    console.print(f"\n{title}", highlight=False, soft_wrap=True)
    console.print(table)


def median_and_tail(samples: Sequence[float], percentile: int) -> tuple[float, float]:
    """Return the median and a percentile (1 to 99) of at least two samples."""
    return median(samples), quantiles(samples, n=100, method="inclusive")[percentile - 1]


def load() -> float:
    """Return how many processes wanted a core at once over the last minute, on average."""
    return os.getloadavg()[0]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))
