"""Which outputs are of no use beside one of a better format. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from picstore_converter.model import EncodedOutput, UselessOutput, WantedOutput
from picstore_kit.ids import OutputId


class Comparison:
    """Judges the outputs of one attempt, in the order in which they come.

    The measure is the better output's size or, where that one is not kept itself, what it was
    measured by. One whose better one is not made, for it failed, is kept.
    """

    def __init__(self, wanted: Iterable[WantedOutput]) -> None:
        self._wanted = {output.id: output for output in wanted}
        self._measures: dict[OutputId, int] = {}

    def judge(self, output: EncodedOutput) -> UselessOutput | None:
        """Return what to say of an output that is of no use; None for one that is kept."""
        wanted = self._wanted[output.id]
        measure = 0
        if wanted.better_id is not None:
            measure = self._measures.get(wanted.better_id, wanted.better_size_bytes)
        limit = measure * (100 + wanted.skip_if_larger_percent)
        if measure and output.size_bytes * 100 > limit:
            self._measures[output.id] = measure
            return UselessOutput(
                id=output.id, size_bytes=output.size_bytes, better_size_bytes=measure
            )
        self._measures[output.id] = output.size_bytes
        return None
