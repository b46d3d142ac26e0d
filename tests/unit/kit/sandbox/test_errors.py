"""What the end of a child is called."""

from __future__ import annotations

import signal

from picstore_kit.errors import Code
from picstore_kit.sandbox.errors import ChildCrashed, ChildMemory, ChildTimeout


def test_crash_tells_signal_from_exit_code() -> None:
    killed = ChildCrashed.ended(-signal.SIGSEGV)
    assert (killed.signal, killed.exit_code) == (signal.SIGSEGV, None)
    assert "SIGSEGV" in killed.message
    exited = ChildCrashed.ended(3)
    assert (exited.signal, exited.exit_code) == (None, 3)


def test_signal_without_a_name_is_told_by_number() -> None:
    assert "signal 40" in ChildCrashed.ended(-40).message


def test_failures_have_the_codes_that_callers_branch_on() -> None:
    assert ChildTimeout("2 s").code is Code.DEADLINE_EXCEEDED
    assert ChildMemory(1024).code is Code.RESOURCE_EXHAUSTED
    assert ChildCrashed("broke").code is Code.INTERNAL
