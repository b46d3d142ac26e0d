"""Two stacks that start at the same moment do not meet on a port."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from picstore_local.ports import Claims


@pytest.fixture(autouse=True)
def _own_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_port_is_claimed_once_until_it_is_given_up() -> None:
    one, other = Claims(), Claims()
    assert one.take(20_001)
    assert one.take(20_001)  # it has it already
    assert not other.take(20_001)
    assert other.take(20_002)
    one.close()
    assert other.take(20_001)
    other.close()


def test_where_nothing_can_be_locked_every_port_is_as_good_as_free(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "picstore-ports").write_text("no directory")
    claims = Claims()
    assert claims.take(20_001)
    claims.close()
