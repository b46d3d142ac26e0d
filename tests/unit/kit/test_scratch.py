"""Directories that belong to one process, and go with it."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from pathlib import Path

import pytest

from picstore_kit.scratch import (
    ScratchUnavailable,
    scratch_directory,
    scratch_errors,
    temporary_directory,
)

PREFIX = "picstore-test-"
KILLED = """
import asyncio, os, pathlib, sys
from picstore_kit.scratch import scratch_directory

async def main():
    async with scratch_directory(pathlib.Path(sys.argv[1]), prefix=sys.argv[2]) as directory:
        (directory / "left-behind").write_bytes(b"")
        os.kill(os.getpid(), 9)

asyncio.run(main())
"""


async def test_a_directory_is_new_and_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    parent = tmp_path / "not" / "there"
    async with scratch_directory(parent, prefix=PREFIX) as directory:
        (directory / "folder").mkdir()
        (directory / "folder" / "file").write_bytes(b"content")
        assert directory.stat().st_mode & 0o777 == 0o700
    assert os.listdir(parent) == []


async def test_the_system_has_a_place_for_it() -> None:
    async with scratch_directory(None, prefix=PREFIX) as directory:
        assert directory.name.startswith(PREFIX)


async def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(tmp_path), PREFIX
    )
    assert await process.wait() == -signal.SIGKILL
    (left,) = os.listdir(tmp_path)
    assert (tmp_path / left / "left-behind").exists()
    async with scratch_directory(tmp_path, prefix=PREFIX) as directory:
        assert os.listdir(tmp_path) == [directory.name]


async def test_what_belongs_to_others_stays(tmp_path: Path) -> None:
    (tmp_path / "somebody-elses").mkdir()
    (tmp_path / f"{PREFIX}file").write_bytes(b"")
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "somebody-elses")
    async with scratch_directory(tmp_path, prefix=PREFIX) as first:
        async with scratch_directory(tmp_path, prefix=PREFIX) as second:
            assert first.is_dir()
            assert first != second
        assert first.is_dir()
    assert len(os.listdir(tmp_path)) == 3


async def test_a_temporary_directory_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    async with temporary_directory(tmp_path, prefix="job-") as directory:
        (directory / "file").write_bytes(b"content")
    assert os.listdir(tmp_path) == []


async def test_a_disk_that_does_not_work_is_nobodys_fault(tmp_path: Path) -> None:
    with pytest.raises(ScratchUnavailable):
        async with temporary_directory(tmp_path / "missing", prefix="job-"):
            pass
    with pytest.raises(ScratchUnavailable) as caught, scratch_errors():
        raise OSError(errno.ENOSPC, "no room")
    assert caught.value.retry_after is not None
