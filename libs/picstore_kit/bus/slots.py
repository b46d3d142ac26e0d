"""How many jobs a worker runs at once, and which lanes have room for one more.

A slot is a CPU: jobs run on one thread each. What a job will cost was estimated from its picture's
header when it was published, and chose its lane, so the lanes say which jobs are dear.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from picstore_kit.bus.lanes import Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """The usual slots are any lane's; the express ones wait for the moment when dear jobs have all.

    A dear job may run for a minute and cannot be put aside, so without an express slot a picture
    that comes meanwhile would wait for it. With one, its job shares a CPU with the dear ones.
    """

    usual: int
    express: int = 0

    def room(self, lane: Lane, running: Collection[Lane]) -> int:
        """Say how many more jobs of `lane` may start beside those that run."""
        free = self.usual - len(running)
        if free > 0:
            return free
        if lane.is_dear or any(not other.is_dear for other in running):
            return 0
        return self.express + free
