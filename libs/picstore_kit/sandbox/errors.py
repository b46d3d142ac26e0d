"""How a call to a sandboxed process can fail."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass

from picstore_kit.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    PicstoreError,
    Reason,
    ResourceExhausted,
    Unavailable,
)
from picstore_kit.sandbox.report import Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """What is known of the end of a process."""

    signal: int | None = None
    """What ended it; None where it ended by itself."""
    exit_code: int | None = None
    """None where a signal ended it, or it was ended from here."""
    limit: str = ""
    """Which it ran into: `memory`, `cpu`, `wall` or `file_size`; empty for none."""
    output: str = ""
    """The last of what it printed."""
    peak_rss_bytes: int = 0
    """The most memory that it was seen to hold in the call; 0 where nobody saw."""


class ChildDied(PicstoreError):
    """The process did not live to the end of the call."""

    death: Death = Death()


class ChildCrashed(ChildDied):
    """The process died in the middle of the call, or did not keep to the protocol."""

    def __init__(self, why: str, *, exit_code: int | None = None) -> None:
        """`exit_code` is as in `subprocess`: negative for a signal."""
        super().__init__(Reason.CHILD_CRASHED, f"the sandboxed process {why}")
        self.exit_code = exit_code if exit_code is not None and exit_code >= 0 else None
        self.signal = -exit_code if exit_code is not None and exit_code < 0 else None
        self.death = Death(
            signal=self.signal,
            exit_code=self.exit_code,
            limit="file_size" if self.signal == signal.SIGXFSZ else "",
        )

    @classmethod
    def ended(cls, exit_code: int) -> ChildCrashed:
        """Say how it ended."""
        if exit_code >= 0:
            return cls(f"ended with exit code {exit_code}", exit_code=exit_code)
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = f"signal {-exit_code}"
        return cls(f"was ended by {name}", exit_code=exit_code)


class ChildTimeout(ChildDied, DeadlineExceeded):
    """The call took longer, or more CPU time, than it may."""

    def __init__(self, limit: str, *, cpu: bool = False) -> None:
        """`cpu` says that the kernel ended it for its CPU time."""
        super().__init__(Reason.CHILD_TIMEOUT, f"the sandboxed process took more than {limit}")
        self.death = Death(signal=signal.SIGXCPU, limit="cpu") if cpu else Death(limit="wall")


class ChildMemory(ChildDied, ResourceExhausted):
    """The call needs more memory than it may have."""

    def __init__(self, memory_bytes: int) -> None:
        super().__init__(
            Reason.CHILD_MEMORY,
            f"the sandboxed process needs more than {memory_bytes} bytes of memory",
            metadata={"limit_bytes": str(memory_bytes)},
        )
        self.death = Death(limit="memory")


class ChildRefused(InvalidArgument):
    """The target raised a `PicstoreError`: the input is at fault, and the child is fine."""

    def __init__(self, reason: Reason, message: str, metadata: Mapping[str, str]) -> None:
        super().__init__(reason, message, metadata=metadata)


class ChildUnavailable(Unavailable):
    """No sandboxed process can be started."""

    def __init__(self, why: str) -> None:
        super().__init__(
            Reason.DEPENDENCY_UNAVAILABLE, f"no sandboxed process can be started: {why}"
        )


class SandboxIncomplete(FailedPrecondition):
    """A layer that was asked for is not to be had on this machine."""

    def __init__(self, missing: list[Layer], summary: Mapping[str, str]) -> None:
        super().__init__(
            Reason.STATE_WRONG,
            f"the sandbox lacks {', '.join(missing)}",
            metadata=dict(summary),
        )
