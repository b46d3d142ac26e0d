"""seccomp: system calls that no decoder needs fail, whatever code runs in the process.

This is a list of what is denied, on top of Landlock and the namespaces: starting programs and
processes, sockets, other processes' memory, and the parts of the kernel with the worst record.
The numbers are those of the kernel's system call tables; a machine with another processor goes
without, and says so.
"""

from __future__ import annotations

import ctypes
import errno
import platform
from dataclasses import dataclass
from typing import Final

from picstore_kit.sandbox.syscalls import syscall

_SET_MODE_FILTER: Final = 1
_ALL_THREADS: Final = 1

_LOAD: Final = 0x20
_IF_EQUAL: Final = 0x15
_IF_AT_LEAST: Final = 0x35
_IF_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06

_NUMBER_OFFSET: Final = 0
_ARCHITECTURE_OFFSET: Final = 4
_FIRST_ARGUMENT_OFFSET: Final = 16

_ALLOW: Final = 0x7FFF0000
_FAIL: Final = 0x00050000
_KILL: Final = 0x80000000

_CLONE_THREAD: Final = 0x00010000
_FOREIGN_NUMBERS: Final = 0x40000000
"""From here on, x86-64 numbers mean the x32 variants, which would dodge the list."""

# Since Linux 5.1 the numbers are the same on every processor.
_DENIED_EVERYWHERE: Final = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_open": 434,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "process_mrelease": 448,
}
_CLONE3: Final = 435


@dataclass(frozen=True, slots=True, kw_only=True)
class _Processor:
    audit: int
    seccomp: int
    clone: int
    denied: dict[str, int]


_PROCESSORS: Final = {
    "x86_64": _Processor(
        audit=0xC000003E,
        seccomp=317,
        clone=56,
        denied={
            "socket": 41,
            "connect": 42,
            "accept": 43,
            "bind": 49,
            "listen": 50,
            "socketpair": 53,
            "fork": 57,
            "vfork": 58,
            "execve": 59,
            "kill": 62,
            "ptrace": 101,
            "personality": 135,
            "pivot_root": 155,
            "chroot": 161,
            "mount": 165,
            "umount2": 166,
            "add_key": 248,
            "request_key": 249,
            "keyctl": 250,
            "unshare": 272,
            "accept4": 288,
            "perf_event_open": 298,
            "fanotify_init": 300,
            "open_by_handle_at": 304,
            "setns": 308,
            "process_vm_readv": 310,
            "process_vm_writev": 311,
            "kcmp": 312,
            "bpf": 321,
            "execveat": 322,
            "userfaultfd": 323,
        },
    ),
    "aarch64": _Processor(
        audit=0xC00000B7,
        seccomp=277,
        clone=220,
        denied={
            "umount2": 39,
            "mount": 40,
            "pivot_root": 41,
            "chroot": 51,
            "personality": 92,
            "unshare": 97,
            "ptrace": 117,
            "kill": 129,
            "socket": 198,
            "socketpair": 199,
            "bind": 200,
            "listen": 201,
            "accept": 202,
            "connect": 203,
            "add_key": 217,
            "request_key": 218,
            "keyctl": 219,
            "execve": 221,
            "perf_event_open": 241,
            "accept4": 242,
            "fanotify_init": 262,
            "open_by_handle_at": 265,
            "setns": 268,
            "process_vm_readv": 270,
            "process_vm_writev": 271,
            "kcmp": 272,
            "bpf": 280,
            "execveat": 281,
            "userfaultfd": 282,
        },
    ),
}


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def deny() -> int:
    """Deny the listed calls to every thread of this process; returns how many calls are denied.

    Needs no_new_privs. Starting threads stays allowed.

    Raises:
        OSError: The kernel refuses the filter.
        NotImplementedError: The processor's numbers are not known here.
    """
    processor = _PROCESSORS.get(platform.machine())
    if processor is None:
        raise NotImplementedError(f"no list for {platform.machine()}")
    denied = sorted({*processor.denied.values(), *_DENIED_EVERYWHERE.values()})
    instructions = _filter(processor, denied)
    array = (_Instruction * len(instructions))(*instructions)
    program = _Program(len(instructions), array)
    syscall(processor.seccomp, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(program))
    return len(denied)


def _filter(processor: _Processor, denied: list[int]) -> list[_Instruction]:
    refuse = _FAIL | errno.EPERM
    absent = _FAIL | errno.ENOSYS
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE_OFFSET),
        (_IF_EQUAL, 1, 0, processor.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_OFFSET),
        (_IF_AT_LEAST, 0, 1, _FOREIGN_NUMBERS),
        (_RETURN, 0, 0, refuse),
        # Its flags are behind a pointer that a filter cannot follow; libc then uses clone.
        (_IF_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, absent),
    ]
    for number in denied:
        program += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, refuse)]
    program += [
        (_IF_EQUAL, 0, 3, processor.clone),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_OFFSET),
        (_IF_ANY_BIT, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, refuse),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return [_Instruction(*instruction) for instruction in program]
