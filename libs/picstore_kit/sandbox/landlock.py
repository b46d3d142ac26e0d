"""Landlock: the kernel refuses files, TCP and signals outside what is listed here.

The numbers are those of `linux/landlock.h`; see landlock(7) for what each ABI version added. A
ruleset binds the calling thread and those that it starts, so it comes before any other thread.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from picstore_kit.sandbox.syscalls import syscall

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_ASK_VERSION: Final = 1
_PATH_BENEATH: Final = 1

_EXECUTE: Final = 1 << 0
_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_REMOVE_FILE: Final = 1 << 5
_MAKE_REGULAR: Final = 1 << 8
_TRUNCATE: Final = 1 << 14

_READ: Final = _READ_FILE | _READ_DIR
# Shared libraries are mapped executable, which Landlock does not count as executing.
# No directories, which could be nested until nobody can remove them any more; and no file goes
# from one directory to another, neither by a new name (REFER) nor by a second one.
_WRITE: Final = _WRITE_FILE | _REMOVE_FILE | _MAKE_REGULAR | _TRUNCATE
_FILE_RIGHTS: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE

_RIGHTS_OF_ABI: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many file rights each ABI knows; later ones know as many as the last."""
_ALL_TCP: Final = 0b11
_TCP_SINCE_ABI: Final = 4
_ALL_SCOPES: Final = 0b11
"""Neither signals to processes outside nor their abstract sockets."""
_SCOPES_SINCE_ABI: Final = 6


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def restrict(*, readable: Iterable[Path], writable: Iterable[Path]) -> int:
    """Allow only reading beneath `readable`, both beneath `writable`, and no TCP at all.

    What does not exist is passed over. Needs no_new_privs. Returns the kernel's ABI version.

    Raises:
        OSError: The kernel has no Landlock, or it is switched off.
    """
    abi = syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    handled = (1 << _RIGHTS_OF_ABI.get(abi, _RIGHTS_OF_ABI[5])) - 1
    attributes = _Ruleset(handled_access_fs=handled)
    size = _Ruleset.handled_access_net.offset
    if abi >= _TCP_SINCE_ABI:
        attributes.handled_access_net = _ALL_TCP
        size = _Ruleset.scoped.offset
    if abi >= _SCOPES_SINCE_ABI:
        attributes.scoped = _ALL_SCOPES
        size = ctypes.sizeof(_Ruleset)
    ruleset = syscall(_CREATE_RULESET, ctypes.byref(attributes), size, 0)
    try:
        for path in readable:
            _allow(ruleset, path, _READ & handled)
        for path in writable:
            _allow(ruleset, path, (_READ | _WRITE) & handled)
        syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not path.is_dir():
            rights &= _FILE_RIGHTS
        rule = _PathBeneath(allowed_access=rights, parent_fd=parent)
        syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)
