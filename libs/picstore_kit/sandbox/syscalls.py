"""The few calls to the Linux kernel that Python's standard library lacks."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)

CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000

CAP_SYS_NICE: Final = 23

_CAPABILITY_VERSION_3: Final = 0x20080522


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def prctl(option: int, value: int) -> None:
    """Change an attribute of this process; see prctl(2)."""
    zero = ctypes.c_ulong(0)
    _checked(_LIBC.prctl(option, ctypes.c_ulong(value), zero, zero, zero))


def unshare(flags: int) -> None:
    """Move this process into new namespaces; see unshare(2)."""
    _checked(_LIBC.unshare(ctypes.c_int(flags)))


def drop_capabilities() -> None:
    """Give up every capability; see capset(2)."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()
    _checked(_LIBC.capset(header, none))


def drop_capability(number: int) -> None:
    """Give up one capability of this thread, whether it has it or not; see capset(2)."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # Effective, permitted and inheritable ones; then the same for those from 32 on.
    held = (ctypes.c_uint32 * 6)()
    _checked(_LIBC.capget(header, held))
    first = 3 * (number // 32)
    for place in range(first, first + 3):
        held[place] &= ~(1 << number % 32)
    _checked(_LIBC.capset(header, held))


def syscall(number: int, *arguments: Any) -> int:
    """Make a system call that libc has no function for; see syscall(2).

    Raises:
        OSError: The kernel refused it or does not have it.
    """
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(int(_LIBC.syscall(ctypes.c_long(number), *words)))
