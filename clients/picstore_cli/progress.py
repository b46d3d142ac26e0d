"""What a waiting person sees: bars on a terminal, a line at each step elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bars

from picstore.catalog.v1.image_pb2 import Image, Output
from picstore_cli.console import note, size


class Progress(Protocol):
    """Hears how far files are."""

    def uploading(self, path: Path, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Yield what to call with each number of bytes that was sent."""

    def converting(self, path: Path) -> AbstractContextManager[Callable[[Image], None]]:
        """Yield what to call when the picture has changed."""


@contextmanager
def progress_on(console: Console) -> Iterator[Progress]:
    """Show progress on a console as long as the block lasts."""
    if not console.is_terminal:
        yield LineProgress()
        return
    bars = Bars(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        console=console,
        transient=True,
    )
    with bars:
        yield BarProgress(bars)


class BarProgress:
    """A bar for each file."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars

    @contextmanager
    def uploading(self, path: Path, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar of bytes."""
        task = self._bars.add_task(f"upload  {path.name}", total=total, amount=size(total))
        try:
            yield lambda count: self._bars.advance(task, count)
        finally:
            self._bars.remove_task(task)

    @contextmanager
    def converting(self, path: Path) -> Iterator[Callable[[Image], None]]:
        """Show a bar of outputs."""
        task = self._bars.add_task(f"convert {path.name}", total=None, amount="")

        def show(image: Image) -> None:
            wanted = [o for o in image.outputs if o.state != Output.STATE_SKIPPED]
            done = sum(o.state in (Output.STATE_READY, Output.STATE_FAILED) for o in wanted)
            amount = f"{done} of {len(wanted)} outputs"
            self._bars.update(task, total=len(wanted), completed=done, amount=amount)

        try:
            yield show
        finally:
            self._bars.remove_task(task)


class LineProgress:
    """A line when something begins, for logs."""

    @contextmanager
    def uploading(self, path: Path, total: int) -> Iterator[Callable[[int], None]]:
        """Write that the upload begins."""
        note(f"{path.name}: uploading {size(total)}")
        yield lambda count: None

    @contextmanager
    def converting(self, path: Path) -> Iterator[Callable[[Image], None]]:
        """Write that the conversion is waited for."""
        note(f"{path.name}: waiting for its outputs")
        yield lambda image: None
