"""What is known of a sandboxed process that a job has killed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from picstore_kit.errors import Reason
from picstore_kit.ids import OutputId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildLimits:
    """What the process was allowed."""

    memory_bytes: int = 0
    cpu_seconds: float = 0
    wall_seconds: float = 0
    file_bytes: int = 0
    open_files: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashReport:
    """What a worker says of it."""

    signal: int = 0
    """0 for none."""
    exit_code: int | None = None
    limit: str = ""
    """Which it ran into; empty for none."""
    output: str = ""
    """The last of what it printed; written by the picture, perhaps."""
    peak_rss_bytes: int = 0
    output_ids: tuple[OutputId, ...] = ()
    """What it had not delivered, in the order in which it works."""
    limits: ChildLimits = field(default_factory=ChildLimits)
    versions: Mapping[str, str] = field(default_factory=dict)
    sandbox: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildDeath:
    """It, and what the ledger knows of it."""

    attempt: int
    time: datetime
    worker: str
    reason: Reason
    message: str
    report: CrashReport

    def abridged(self) -> ChildDeath:
        """Leave out what it printed, and what is known of the converter's machine."""
        return replace(self, report=replace(self.report, output="", versions={}, sandbox={}))

    def to_json(self) -> dict[str, Any]:
        """For the ledger's row."""
        return {
            "attempt": self.attempt,
            "time": self.time.isoformat(),
            "worker": self.worker,
            "reason": self.reason.value,
            "message": self.message,
            "report": asdict(self.report),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ChildDeath:
        """Read what `to_json` wrote."""
        report = fields["report"]
        return cls(
            attempt=fields["attempt"],
            time=datetime.fromisoformat(fields["time"]),
            worker=fields["worker"],
            reason=Reason(fields["reason"]),
            message=fields["message"],
            report=CrashReport(
                **report
                | {
                    "output_ids": tuple(report["output_ids"]),
                    "limits": ChildLimits(**report["limits"]),
                }
            ),
        )
