"""The pauses between deliveries."""

from __future__ import annotations

import pytest

from picstore_kit.bus.delivery import retry_delay


@pytest.mark.parametrize(
    ("attempt", "base"), [(0, 5), (1, 5), (2, 30), (3, 120), (4, 600), (5, 600), (99, 600)]
)
def test_delay_grows_with_each_attempt_up_to_ten_minutes(attempt: int, base: float) -> None:
    assert retry_delay(attempt, jitter=lambda _low, _high: 1.0) == base


def test_delay_is_a_fifth_more_or_less() -> None:
    assert retry_delay(1, jitter=min) == 4.0
    assert retry_delay(1, jitter=max) == 6.0
