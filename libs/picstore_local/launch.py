"""Becomes a server or service that cannot outlive its supervisor, as another user if need be.

    python -I -S launch.py SPEC COMMAND [ARGUMENT…]

SPEC is the JSON form of `LaunchSpec`. This file runs as a script between fork and exec: it imports
the standard library only, and nothing of it remains once COMMAND runs.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import NoReturn, TypedDict

# linux/prctl.h and linux/capability.h
_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522


class LaunchSpec(TypedDict):
    """How the command is to live."""

    parent: int
    """Process id of the supervisor."""
    death_signal: int
    """What the kernel sends to the command when the supervisor is gone."""
    uid: int | None
    """User to become; None stays the same."""
    gid: int | None
    """Group to become, with no supplementary groups; None stays the same."""
    capability: int | None
    """The one capability to keep while becoming that user; None keeps none."""


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def main(spec_text: str, command: list[str]) -> NoReturn:
    """Take on what the spec says and become the command."""
    spec: LaunchSpec = json.loads(spec_text)
    libc = ctypes.CDLL(None, use_errno=True)
    if spec["uid"] is not None and spec["gid"] is not None:
        _become(libc, spec["uid"], spec["gid"], spec["capability"])
    # After the change of user, which would clear it.
    _call(libc.prctl(_PR_SET_PDEATHSIG, spec["death_signal"], 0, 0, 0), "PR_SET_PDEATHSIG")
    if os.getppid() != spec["parent"]:
        sys.exit("the supervisor ended before its child began")
    # Python ignores SIGPIPE, and a command would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execv(command[0], command)


def _become(libc: ctypes.CDLL, uid: int, gid: int, capability: int | None) -> None:
    if capability is not None:
        # Without this bit the change of user would take all capabilities, and access(2), by which
        # Postgres looks for its other programs, would answer as if there were none.
        secured = libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
        _call(secured, "PR_SET_SECUREBITS")
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if capability is not None:
        bit = 1 << capability
        header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
        data = (_CapabilityData * 2)(_CapabilityData(bit, bit, bit))
        _call(libc.capset(ctypes.byref(header), data), "capset")
        raised = libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)
        _call(raised, "PR_CAP_AMBIENT_RAISE")


def _call(result: int, name: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{name} failed")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
