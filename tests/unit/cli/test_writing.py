"""How people write times, grants and key-value pairs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from picstore.auth.v1.authentication_pb2 import Grant
from picstore.options.v1.permission_pb2 import (
    PERMISSION_CONVERSION_PROFILE_WRITE,
    PERMISSION_IMAGE_CREATE,
    Permission,
)
from picstore_cli.grants import read_grant, write_grant
from picstore_cli.instants import coming, moment, past, span
from picstore_cli.verbs import pair

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("45s", timedelta(seconds=45)),
        ("2h", timedelta(hours=2)),
        ("1h30m", timedelta(minutes=90)),
        ("90d", timedelta(days=90)),
        ("2w", timedelta(days=14)),
    ],
)
def test_a_duration_is_written_in_units(text: str, length: timedelta) -> None:
    assert span(text) == length


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-2h", "1.5h", "2y", "9" * 20 + "d"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"90d|too long"):
        span(text)


def test_a_time_is_absolute_or_seen_from_now() -> None:
    assert past("2h", now=NOW) == datetime(2026, 6, 15, 10, tzinfo=UTC)
    assert coming("90d", now=NOW) == NOW + timedelta(days=90)
    assert past("2026-01-31", now=NOW) == datetime(2026, 1, 31, tzinfo=UTC)
    assert moment("2026-01-31T12:00:00+01:00") == datetime(2026, 1, 31, 11, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "31.1.2026", "999999999d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no time|too long"):
        past(text, now=NOW)


def test_a_grant_is_a_permission_and_perhaps_a_project() -> None:
    everywhere = read_grant("conversion_profile:write")
    assert (everywhere.permission, everywhere.project) == (PERMISSION_CONVERSION_PROFILE_WRITE, "")
    somewhere = read_grant("image:create@blog")
    assert (somewhere.permission, somewhere.project) == (PERMISSION_IMAGE_CREATE, "blog")


@pytest.mark.parametrize("text", ["", "image", "image:destroy", "image:create@", "UNSPECIFIED"])
def test_what_is_no_grant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no permission|names no project"):
        read_grant(text)


@pytest.mark.parametrize("permission", Permission.values()[1:])
def test_every_permission_is_written_as_it_is_read(permission: Permission.ValueType) -> None:
    grant = Grant(permission=permission, project_id="prj_1")
    written = read_grant(write_grant(grant))
    assert (written.permission, written.project) == (permission, "prj_1")


def test_a_pair_is_split_at_the_first_equals_sign() -> None:
    assert pair("a=b=c") == ("a", "b=c")
    for text in ("a", "=b"):
        with pytest.raises(ValueError, match="key=value"):
            pair(text)
