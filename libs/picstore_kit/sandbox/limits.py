"""What a sandboxed process may use, and how the process itself sees to that."""

from __future__ import annotations

import math
import os
import resource
import signal
from dataclasses import dataclass
from typing import Final

from picstore_kit.sandbox.syscalls import prctl

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_START_CPU_S: Final = 60
"""Allowance for importing and warming the target, in CPU seconds."""
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLimits:
    """Limits of one child; those per call begin anew with each call."""

    memory_bytes: int = 1024 * _MIB
    """Address space, which includes mapped libraries and thread stacks."""
    cpu_s: float = 60.0
    """CPU seconds per call, over all threads."""
    wall_s: float = 120.0
    """Seconds per call, not counting those that the parent takes to look at progress."""
    file_bytes: int = 512 * _MIB
    """Size of any one file that it writes."""
    open_files: int = 64
    max_calls: int = 100
    """Calls after which the child is replaced."""
    max_rss_bytes: int = 512 * _MIB
    """Resident memory above which the child is replaced after a call."""


def apply_rlimits(limits: SandboxLimits) -> None:
    """Bind this process to `limits`, for good.

    Raises:
        OSError, ValueError: The system refuses one of them.
    """
    lifetime_s = math.ceil(_START_CPU_S + limits.cpu_s * limits.max_calls)
    for kind, value in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, lifetime_s),
    ):
        resource.setrlimit(kind, (value, value))
    limit_cpu(_START_CPU_S)


def limit_cpu(seconds: float) -> None:
    """Let the kernel end this process (SIGXCPU) after `seconds` more of CPU time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (min(soft, hard), hard))


def forbid_new_privileges() -> None:
    """Make sure that no program this process might start gains privileges.

    Raises:
        OSError: The system refuses.
    """
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent dies, however that happens.

    Call it after everything that changes credentials, because that clears the wish.
    """
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the kernel knew
        os.kill(os.getpid(), signal.SIGKILL)
