"""The lanes that conversion jobs travel on."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

_PREFIX: Final = "picstore.job.convert."


class Lane(StrEnum):
    """One queue of jobs; the order of the members is their priority, most urgent first."""

    INTERACTIVE = "interactive"
    """A viewer waits for the output."""
    FAST = "fast"
    """The outputs that a page needs at once."""
    SLOW = "slow"
    """Outputs that are dear to make, such as AVIF at high effort."""
    BULK = "bulk"
    """Backfill, such as reconverting a whole project."""

    @property
    def is_dear(self) -> bool:
        """Whether its jobs take long, and nobody waits for them."""
        return self in (Lane.SLOW, Lane.BULK)

    @property
    def subject(self) -> str:
        """The subject that this lane's jobs are published to."""
        return _PREFIX + self.value

    @property
    def consumer(self) -> str:
        """The durable consumer that hands this lane's jobs to workers."""
        return "convert-" + self.value

    @classmethod
    def of(cls, subject: str) -> Lane:
        """Return the lane that `subject` belongs to.

        Raises:
            ValueError: It is no lane's subject.
        """
        return cls(subject.removeprefix(_PREFIX))
