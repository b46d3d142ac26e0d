"""Failures within a window."""

from __future__ import annotations

import pytest
from limits.storage import memory

from picstore_auth import throttle
from picstore_auth.throttle import Throttle, network_of
from picstore_kit.errors import Reason, ResourceExhausted


class Time:
    """Stands in for the module in the library that counts."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(memory, "time", time)
    monkeypatch.setattr(throttle, "time", time)
    return time


def refusal(limited: Throttle, who: str) -> ResourceExhausted:
    with pytest.raises(ResourceExhausted) as caught:
        limited.refuse(who)
    return caught.value


def test_who_has_failed_too_often_is_told_how_long_to_wait(time: Time) -> None:
    limited = Throttle("3 per 5 minutes")
    for _ in range(3):
        limited.refuse("ann")
        limited.count("ann")
        time.now += 60
    error = refusal(limited, "ann")
    assert error.reason is Reason.RATE_LIMITED
    assert error.metadata == {"limit": "3 per 5 minute"}
    assert error.retry_after == 120


def test_wait_that_was_told_is_enough(time: Time) -> None:
    limited = Throttle("3 per 5 minutes")
    for _ in range(3):
        limited.count("ann")
    retry_after = refusal(limited, "ann").retry_after
    assert retry_after is not None
    time.now += retry_after + 0.001
    limited.refuse("ann")


def test_failures_of_who_is_refused_do_not_prolong_it(time: Time) -> None:
    limited = Throttle("1 per minute")
    limited.count("ann")
    time.now += 59
    limited.count("ann")
    time.now += 1.001
    assert not limited.is_over("ann")


def test_each_is_counted_alone(time: Time) -> None:
    limited = Throttle("1 per minute")
    limited.count("ann")
    assert limited.is_over("ann")
    assert not limited.is_over("bob")


def test_who_is_not_known_is_not_counted(time: Time) -> None:
    limited = Throttle("1 per minute")
    limited.count("")
    limited.count("")
    limited.refuse("")


def test_names_without_recent_failures_are_forgotten(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "_TIDY_ABOVE", 2)
    limited = Throttle("1 per minute")
    storage = limited._storage
    for name in ("a", "b", "c"):
        storage.events[f"{name}, long ago"] = []
    limited.count("ann")
    assert len(storage.events) == 1


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_addresses_of_one_site_are_counted_together(address: str, network: str) -> None:
    assert network_of(address) == network


def test_limit_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="couldn't parse"):
        Throttle("often")
