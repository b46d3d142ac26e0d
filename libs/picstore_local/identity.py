"""The user that Postgres runs as: it refuses root.

As root, Postgres runs as the owner of its files, `nobody` at first. That user may be unable to
enter the directories on the way to the wheels or the data, such as /root (mode 700). The server
then keeps one capability, which lets it pass and read them. That gives the database's administrator
no more than root, who alone knows that password; the services log in as roles without it.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path
from typing import Final

from picstore_local.errors import LocalError
from picstore_local.process import RunAs

# linux/capability.h
_CAP_DAC_OVERRIDE: Final = 1
_CAP_DAC_READ_SEARCH: Final = 2
_CAP_SETPCAP: Final = 8


def unprivileged(data: Path, *, program: Path) -> RunAs | None:
    """Return the user who owns `data` and can run `program`; None if that is this one.

    Raises:
        LocalError: Nothing lets an ordinary user reach both.
    """
    if os.geteuid() != 0:
        return None
    owner = data.stat() if data.exists() else None
    if owner is not None and owner.st_uid != 0:
        uid, gid = owner.st_uid, owner.st_gid
    else:
        nobody = pwd.getpwnam("nobody")
        uid, gid = nobody.pw_uid, nobody.pw_gid
    executable = _may_execute(program, uid, gid)
    folders = {*data.resolve().parents, *program.resolve().parents}
    closed = [
        path for path in sorted(folders) if path.exists() and not _may_execute(path, uid, gid)
    ]
    if executable and not closed:
        return RunAs(uid=uid, gid=gid)
    # The narrower one first. It lets nobody run a file, and containers often lack it.
    sufficient = [_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE] if executable else [_CAP_DAC_OVERRIDE]
    permitted = _permitted()
    for capability in sufficient:
        if permitted >> capability & permitted >> _CAP_SETPCAP & 1:
            return RunAs(uid=uid, gid=gid, capability=capability)
    raise LocalError(
        f"Postgres refuses to run as root, and the user with id {uid} may not enter "
        f"{(closed or [program])[0]}: move the project (or PICSTORE_LOCAL__DATA_DIR) to where "
        "others may enter, run as an ordinary user, or allow this process the capabilities "
        "SETPCAP and DAC_OVERRIDE"
    )


def _may_execute(path: Path, uid: int, gid: int) -> bool:
    """Say whether the user can run the file, or enter the directory."""
    status = path.stat()
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _permitted() -> int:
    """Return the capabilities that this process may use, as bits."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapPrm":
            return int(value, 16)
    return 0
