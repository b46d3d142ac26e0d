"""What anybody may send is read without an error that is not an answer.

`make fuzz` runs the same targets for longer, led by which lines of ours they reach.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from picstore_kit.errors import InvalidField
from tests.fuzz.every import TARGETS
from tests.fuzz.target import Target

SEEDS = 60
"""Of one target, in one test."""
EXAMPLES = 50


def few(data: list[bytes]) -> list[bytes]:
    return data if len(data) <= SEEDS else random.Random(0).sample(data, SEEDS)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read(name: str) -> None:
    for data in TARGETS[name].seeds():
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_with_any_bytes_in_them_are_read(name: str) -> None:
    seeds = few(list(TARGETS[name].seeds())) or [b""]

    @settings(max_examples=EXAMPLES)
    @given(
        seed=st.sampled_from(seeds),
        at=st.integers(0, 4096),
        patch=st.binary(max_size=16),
        kept=st.booleans(),
    )
    def run(seed: bytes, at: int, patch: bytes, kept: bool) -> None:
        at %= len(seed) + 1
        TARGETS[name](seed[:at] + patch + seed[at + (0 if kept else len(patch)) :])

    run()


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=EXAMPLES)
@example(data=b"")
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read(name: str, data: bytes) -> None:
    TARGETS[name](data)


def refuse(_: bytes) -> None:
    raise InvalidField("body", "must be JSON")


def fail(_: bytes) -> None:
    raise IndexError


def test_a_refusal_is_an_answer() -> None:
    Target(read=refuse)(b"")


@pytest.mark.parametrize("read", [fail, lambda data: data[9]])
def test_any_other_error_is_a_finding(read: Callable[[bytes], object]) -> None:
    with pytest.raises(IndexError):
        Target(read=read)(b"")
