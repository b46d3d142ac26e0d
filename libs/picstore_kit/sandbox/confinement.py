"""How a child gives up what it will not need, before it imports its target and after."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from picstore_kit.sandbox import landlock, seccomp, syscalls
from picstore_kit.sandbox.limits import SandboxLimits, apply_rlimits, forbid_new_privileges
from picstore_kit.sandbox.report import Layer, LayerState, SandboxReport

_READABLE: Final = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/vm",
    "/sys/devices/system",
)
"""What libraries look at, beside Python itself. Not /etc: it tells about the machine and users."""


def confine(limits: SandboxLimits, writable: Path, readable: Iterable[Path]) -> SandboxReport:
    """Take every step that can be taken while this process has a single thread.

    It may make files in the directory `writable`, and read what is beneath `readable`.

    Raises:
        OSError, ValueError: Resource limits or no_new_privs were refused; nothing works without.
    """
    apply_rlimits(limits)
    forbid_new_privileges()
    return SandboxReport(
        layers={
            Layer.RLIMITS: LayerState(active=True, detail=f"{limits.memory_bytes} bytes"),
            Layer.NO_NEW_PRIVILEGES: LayerState(active=True, detail="set"),
            Layer.NETWORK_NAMESPACE: _attempt(_leave_network),
            # After the namespace, which may need capabilities and may grant new ones.
            Layer.CAPABILITIES: _attempt(_drop_capabilities),
            Layer.LANDLOCK: _attempt(lambda: _restrict_files(writable, readable)),
        }
    )


def seal(report: SandboxReport) -> SandboxReport:
    """Take the last step, when the target is imported and its libraries are loaded."""
    return SandboxReport(
        layers={
            **report.layers,
            Layer.SECCOMP: _attempt(lambda: f"{seccomp.deny()} calls denied"),
        }
    )


def _attempt(step: Callable[[], str]) -> LayerState:
    try:
        return LayerState(active=True, detail=step())
    except (OSError, NotImplementedError) as error:
        return LayerState(active=False, detail=str(error))


def _leave_network() -> str:
    try:
        syscalls.unshare(syscalls.CLONE_NEWNET)
    except PermissionError:
        syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNET)
        return "in a user namespace"
    return "own"


def _drop_capabilities() -> str:
    syscalls.drop_capabilities()
    return "none left"


def _restrict_files(writable: Path, readable: Iterable[Path]) -> str:
    interpreter = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path}
    abi = landlock.restrict(
        readable=[
            *(Path(path) for path in sorted(interpreter) if path),
            *(Path(path) for path in _READABLE),
            Path("/proc", str(os.getpid())),
            *readable,
        ],
        writable=[writable],
    )
    return f"ABI {abi}"
