"""What a waiting person sees: bars on a terminal, a line at each step elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from picstore.catalog.v1.image_pb2 import Image, Output
from picstore_cli.console import note, size


class Progress(Protocol):
    """Hears how far files are."""

    def overall(self, files: int, total: int) -> AbstractContextManager[None]:
        """Show the bytes of all files together, as long as the block lasts."""

    def uploading(
        self, path: Path, total: int | None
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Yield what to call with each number of bytes that was sent; `total` may be unknown."""

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
        self._overall: TaskID | None = None

    @contextmanager
    def overall(self, files: int, total: int) -> Iterator[None]:
        """Show one bar more."""
        amount = f"{files} files, {size(total)}"
        self._overall = self._bars.add_task("all", total=total, amount=amount)
        try:
            yield
        finally:
            self._bars.remove_task(self._overall)
            self._overall = None

    @contextmanager
    def uploading(self, path: Path, total: int | None) -> Iterator[Callable[[int], None]]:
        """Show a bar of bytes."""
        amount = "" if total is None else size(total)
        task = self._bars.add_task(f"upload  {path.name}", total=total, amount=amount)

        def advance(count: int) -> None:
            self._bars.advance(task, count)
            if self._overall is not None and total is not None:
                self._bars.advance(self._overall, count)

        try:
            yield advance
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
    def overall(self, files: int, total: int) -> Iterator[None]:
        """Write nothing: each file has its lines."""
        yield

    @contextmanager
    def uploading(self, path: Path, total: int | None) -> Iterator[Callable[[int], None]]:
        """Write that the upload begins."""
        note(f"{path.name}: uploading" + ("" if total is None else f" {size(total)}"))
        yield lambda count: None

    @contextmanager
    def converting(self, path: Path) -> Iterator[Callable[[Image], None]]:
        """Write that the conversion is waited for."""
        note(f"{path.name}: waiting for its outputs")
        yield lambda image: None
