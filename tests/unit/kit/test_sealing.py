"""Sealed secrets open in their own place only, and keys can be changed."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore_kit.sealing import Sealer, SealError, key_id_of
from picstore_kit.settings import SealingSettings

OLD = base64.b64encode(bytes(range(32))).decode()
NEW = base64.b64encode(bytes(range(32, 64))).decode()


def sealer(current: str = "old", **keys: str) -> Sealer:
    settings = SealingSettings.model_validate({"keys": keys or {"old": OLD}, "current": current})
    return Sealer(settings)


@given(secret=st.binary(max_size=300), place=st.text(max_size=60))
def test_a_sealed_value_opens_in_its_place(secret: bytes, place: str) -> None:
    sealed = sealer().seal(secret, bound_to=place)
    assert sealer().open(sealed, bound_to=place) == secret


def test_a_sealed_value_does_not_show_the_secret_and_differs_every_time() -> None:
    one, two = (sealer().seal(b"hunter2 hunter2", bound_to="location:a") for _ in range(2))
    assert b"hunter2" not in one
    assert one != two


def test_a_value_moved_to_another_row_does_not_open() -> None:
    sealed = sealer().seal(b"secret", bound_to="location:a")
    with pytest.raises(SealError, match="another place"):
        sealer().open(sealed, bound_to="location:b")


@given(st.data())
def test_any_changed_bit_is_found(data: st.DataObject) -> None:
    sealed = bytearray(sealer().seal(b"secret", bound_to="location:a"))
    position = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[position // 8] ^= 1 << position % 8
    with pytest.raises(SealError):
        sealer().open(bytes(sealed), bound_to="location:a")


@given(st.binary(max_size=64))
def test_rubbish_is_refused(rubbish: bytes) -> None:
    with pytest.raises(SealError):
        sealer().open(rubbish, bound_to="location:a")


def test_after_rotation_old_values_open_and_are_found_stale() -> None:
    before = sealer().seal(b"secret", bound_to="location:a")
    rotated = sealer("new", old=OLD, new=NEW)
    assert rotated.open(before, bound_to="location:a") == b"secret"
    assert rotated.is_stale(before)
    after = rotated.seal(b"secret", bound_to="location:a")
    assert not rotated.is_stale(after)
    assert key_id_of(after) == "new"


def test_a_removed_key_is_named() -> None:
    sealed = sealer().seal(b"secret", bound_to="location:a")
    with pytest.raises(SealError, match="'old' is not configured"):
        sealer("new", new=NEW).open(sealed, bound_to="location:a")
