"""seccomp: system calls that no decoder needs fail, whatever code runs in the process.

This is a list of what is denied, on top of Landlock and the namespaces: starting programs and
processes, sockets, whatever reaches another process, what Landlock does not see of files, memory
that no limit counts, and the parts of the kernel with the worst record. A machine with a processor
of which `calls` has no numbers goes without, and says so.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Iterable
from typing import Final

from picstore_kit.sandbox.calls import PROCESSORS, Processor
from picstore_kit.sandbox.syscalls import syscall

_SET_MODE_FILTER: Final = 1
_ALL_THREADS: Final = 1

_LOAD: Final = 0x20
_IF_EQUAL: Final = 0x15
_IF_AT_LEAST: Final = 0x35
_IF_ANY_BIT: Final = 0x45
_AND: Final = 0x54
_RETURN: Final = 0x06

_NUMBER_OFFSET: Final = 0
_ARCHITECTURE_OFFSET: Final = 4
_ARGUMENTS_OFFSET: Final = 16
_ARGUMENT_BYTES: Final = 8
_HALF_BYTES: Final = 4
"""A filter sees 32 bits at a time; both processors have the low half first."""

_KILL: Final = 0x80000000
_ALLOW: Final = 0x7FFF0000
_FAIL: Final = 0x00050000
_REFUSE: Final = _FAIL | errno.EPERM
_ABSENT: Final = _FAIL | errno.ENOSYS

_FOREIGN_NUMBERS: Final = 0x40000000
"""From here on, x86-64 numbers mean the x32 variants, which would dodge the list."""

DENIED: Final = frozenset(
    {
        # Programs and processes.
        *("fork", "vfork", "execve", "execveat", "personality"),
        # The network; the socket to the parent is there.
        *("socket", "socketpair", "connect", "accept", "accept4", "bind", "listen"),
        # Other processes: their end, memory, descriptors and turn. Whoever runs as the same user
        # may do all that to the parent, and capabilities are not asked for.
        *("kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"),
        *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp"),
        *("process_mrelease", "pidfd_open", "pidfd_getfd", "get_robust_list"),
        *("setpriority", "ioprio_set", "migrate_pages", "move_pages"),
        # What a file is beside its content, which Landlock does not look at, wherever it is.
        *("chmod", "fchmod", "fchmodat", "fchmodat2"),
        *("chown", "fchown", "lchown", "fchownat"),
        *("utime", "utimes", "futimesat", "utimensat", "file_setattr"),
        *("setxattr", "lsetxattr", "fsetxattr", "setxattrat"),
        *("removexattr", "lremovexattr", "fremovexattr", "removexattrat"),
        # Nor, before ABI 3, at their being cut, by a name or while they are opened to be read.
        "truncate",
        # Nor at being told of files that come and go in a directory.
        *("inotify_init", "inotify_init1", "inotify_add_watch", "fanotify_init"),
        *("name_to_handle_at", "open_by_handle_at"),
        # Memory that is nobody's: it counts as no process's and stays when the last one is gone.
        *("shmget", "shmat", "shmctl", "shmdt", "memfd_create", "memfd_secret"),
        *("semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl"),
        *("mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify"),
        "mq_getsetattr",
        # Namespaces and mounts.
        *("unshare", "setns", "chroot", "pivot_root", "mount", "umount2", "mount_setattr"),
        *("open_tree", "open_tree_attr", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick"),
        *("statmount", "listmount", "quotactl", "quotactl_fd"),
        # What the kernel has to repair most often.
        *("io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "userfaultfd"),
        *("perf_event_open", "add_key", "request_key", "keyctl", "modify_ldt", "syslog"),
    }
)
"""Calls that fail whatever they are asked for; `_bodies` has those of which that depends."""

_OWN: Final = 0
"""A process id that means the caller's."""

_CLONE_THREAD: Final = 0x00010000
_NEW_NAMESPACES: Final = 0x7E020000

_SET_OWNER: Final = (8, 10, 15)
"""fcntl's F_SETOWN, F_SETSIG and F_SETOWN_EX: have the kernel send a signal to somebody."""
_SET_OWNER_OR_FLAGS: Final = (0x8901, 0x8902, 0x40086602, 0x40046602, 0x401C5820)
"""ioctl's FIOSETOWN and SIOCSPGRP, and FS_IOC_SETFLAGS (also as of 32 bits) and FS_IOC_FSSETXATTR,
which change what a file is."""
_SET_DEATH_SIGNAL: Final = (1,)
"""prctl's PR_SET_PDEATHSIG, with which a process would live on without its parent."""

_Step = tuple[int, int, int, int]


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
    processor = PROCESSORS.get(platform.machine())
    if processor is None:
        raise NotImplementedError(f"no list for {platform.machine()}")
    denied = sorted({processor.numbers[name] for name in DENIED if name in processor.numbers})
    steps = _filter(processor, denied)
    array = (_Instruction * len(steps))(*(_Instruction(*step) for step in steps))
    program = _Program(len(steps), array)
    syscall(processor.numbers["seccomp"], _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(program))
    return len(denied)


def _filter(processor: Processor, denied: Iterable[int]) -> list[_Step]:
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE_OFFSET),
        (_IF_EQUAL, 1, 0, processor.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_OFFSET),
        (_IF_AT_LEAST, 0, 1, _FOREIGN_NUMBERS),
        (_RETURN, 0, 0, _REFUSE),
        # Their flags are behind a pointer that a filter cannot follow; libc then does without.
        (_IF_EQUAL, 0, 1, processor.numbers["clone3"]),
        (_RETURN, 0, 0, _ABSENT),
        (_IF_EQUAL, 0, 1, processor.numbers["openat2"]),
        (_RETURN, 0, 0, _ABSENT),
    ]
    for number in denied:
        steps += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE)]
    for name, body in _bodies().items():
        if name in processor.numbers:
            steps += [(_IF_EQUAL, 0, len(body), processor.numbers[name]), *body]
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


def _bodies() -> dict[str, list[_Step]]:
    """Return, for each call of which it depends on an argument, the steps that decide on it."""
    return {
        "clone": [
            (_LOAD, 0, 0, _argument(0)),
            (_IF_ANY_BIT, 2, 0, _NEW_NAMESPACES),
            (_IF_ANY_BIT, 0, 1, _CLONE_THREAD),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _REFUSE),
        ],
        "open": _cut_only_to_write(1),
        "openat": _cut_only_to_write(2),
        # Limits are its own to lower, and the processors its own to choose.
        "prlimit64": _only(0, _OWN),
        "sched_setparam": _only(0, _OWN),
        "sched_setscheduler": _only(0, _OWN),
        "sched_setattr": _only(0, _OWN),
        "sched_setaffinity": _only(0, _OWN),
        # How abort() ends a process.
        "tgkill": _only(0, os.getpid()),
        "fcntl": _never(1, _SET_OWNER),
        "ioctl": _never(1, _SET_OWNER_OR_FLAGS),
        "prctl": _never(0, _SET_DEATH_SIGNAL),
    }


def _only(index: int, value: int) -> list[_Step]:
    """Refuse the call unless an argument, all 64 bits of it, has this value of at most 32."""
    return [
        (_LOAD, 0, 0, _argument(index)),
        (_IF_EQUAL, 0, 3, value),
        (_LOAD, 0, 0, _argument(index) + _HALF_BYTES),
        (_IF_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]


def _never(index: int, values: Iterable[int]) -> list[_Step]:
    """Refuse the call if an argument, of which the kernel looks at 32 bits, is one of these."""
    steps = [(_LOAD, 0, 0, _argument(index))]
    for value in values:
        steps += [(_IF_EQUAL, 0, 1, value), (_RETURN, 0, 0, _REFUSE)]
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


def _cut_only_to_write(index: int) -> list[_Step]:
    """Refuse O_TRUNC but for writing, which every version of Landlock looks at."""
    return [
        (_LOAD, 0, 0, _argument(index)),
        (_IF_ANY_BIT, 0, 3, os.O_TRUNC),
        (_AND, 0, 0, os.O_ACCMODE),
        (_IF_EQUAL, 1, 0, os.O_WRONLY),
        (_IF_EQUAL, 0, 1, os.O_RDWR),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]


def _argument(index: int) -> int:
    """Return where the low half of an argument is."""
    return _ARGUMENTS_OFFSET + index * _ARGUMENT_BYTES
