"""The lists of system calls."""

from __future__ import annotations

import pytest

from picstore_kit.sandbox.calls import PROCESSORS
from picstore_kit.sandbox.seccomp import DENIED


def test_every_call_that_is_denied_has_a_number_somewhere() -> None:
    """A name that is spelt wrong would be passed over."""
    known = {name for processor in PROCESSORS.values() for name in processor.numbers}
    assert known >= DENIED


@pytest.mark.parametrize("machine", PROCESSORS)
def test_no_two_calls_have_the_same_number(machine: str) -> None:
    numbers = PROCESSORS[machine].numbers
    assert len(set(numbers.values())) == len(numbers)


def test_other_processors_lack_only_what_newer_tables_left_out() -> None:
    absent = PROCESSORS["x86_64"].numbers.keys() - PROCESSORS["aarch64"].numbers.keys()
    assert absent == {
        *("fork", "vfork", "chmod", "chown", "lchown", "utime", "utimes", "futimesat"),
        *("open", "inotify_init", "modify_ldt"),
    }
    assert PROCESSORS["aarch64"].numbers.keys() <= PROCESSORS["x86_64"].numbers.keys()
