"""What trying a storage location has found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from picstore_kit.errors import FailedPrecondition, Reason


class Outcome(Enum):
    """What came of a step."""

    PASSED = auto()
    FAILED = auto()
    SKIPPED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was tried, or could not be."""

    name: str
    outcome: Outcome
    message: str
    """What happened, in words."""
    missing: str = ""
    """What to grant or to set so that it passes."""
    duration_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All steps, in the order in which they were done."""

    steps: tuple[Step, ...]

    @property
    def failed(self) -> tuple[Step, ...]:
        """The steps that failed."""
        return tuple(step for step in self.steps if step.outcome is Outcome.FAILED)

    @property
    def passed(self) -> bool:
        """Whether no step failed."""
        return not self.failed

    def require_passed(self) -> None:
        """Refuse to go on with a location that cannot do what will be asked of it.

        Raises:
            FailedPrecondition: STORAGE_TEST_FAILED; its metadata says for each failed step what is
                missing.
        """
        if self.passed:
            return
        told = "; ".join(f"{step.name}: {step.message}" for step in self.failed)
        names = ",".join(step.name for step in self.failed)
        raise FailedPrecondition(
            Reason.STORAGE_TEST_FAILED,
            f"the storage location does not work: {told}",
            metadata={"steps": names, **{step.name: step.missing for step in self.failed}},
        )
