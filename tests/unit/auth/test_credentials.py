"""The text of API keys."""

from __future__ import annotations

import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore_kit.credentials import MalformedCredential, new_api_key, parse_api_key
from picstore_kit.errors import Reason
from picstore_kit.ids import KeyId, new_id

ALPHABET = string.ascii_letters + string.digits + "_"

# Made once and written down: keys in use must stay good.
EXAMPLE = "ps_01m83t7v2se3asjmycwt0n9p6b_0123456789ABCDEFGHIJKLMNOPQRSTUV04FvCX"


def test_new_key_is_read_back() -> None:
    key_id = new_id(KeyId)
    made = new_api_key(key_id)
    assert parse_api_key(made.text) == made
    assert made.key_id == key_id


def test_two_keys_of_the_same_id_differ() -> None:
    key_id = new_id(KeyId)
    assert new_api_key(key_id).text != new_api_key(key_id).text


def test_key_has_the_published_form() -> None:
    prefix, key_id, secret = new_api_key(new_id(KeyId)).text.split("_")
    assert (prefix, len(key_id), len(secret)) == ("ps", 26, 38)


def test_keys_of_earlier_releases_stay_good() -> None:
    assert parse_api_key(EXAMPLE).key_id == "key_01m83t7v2se3asjmycwt0n9p6b"


@given(position=st.integers(0, len(EXAMPLE) - 1), typo=st.sampled_from(ALPHABET))
def test_every_mistyped_character_is_noticed(position: int, typo: str) -> None:
    mistyped = EXAMPLE[:position] + typo + EXAMPLE[position + 1 :]
    if mistyped == EXAMPLE:
        return
    with pytest.raises(MalformedCredential):
        parse_api_key(mistyped)


@given(position=st.integers(0, len(EXAMPLE) - 2))
def test_two_swapped_characters_are_noticed(position: int) -> None:
    first, second = EXAMPLE[position], EXAMPLE[position + 1]
    swapped = EXAMPLE[:position] + second + first + EXAMPLE[position + 2 :]
    if swapped == EXAMPLE:
        return
    with pytest.raises(MalformedCredential):
        parse_api_key(swapped)


@given(st.text())
def test_any_other_text_is_refused_as_an_invalid_credential(text: str) -> None:
    with pytest.raises(MalformedCredential) as caught:
        parse_api_key(text)
    assert caught.value.reason is Reason.CREDENTIAL_INVALID


@pytest.mark.parametrize("around", ["{} ", " {}", "{}\n", "{}x"])
def test_text_around_a_key_is_refused(around: str) -> None:
    with pytest.raises(MalformedCredential):
        parse_api_key(around.format(EXAMPLE))


def test_digest_is_of_the_whole_text() -> None:
    key = parse_api_key(EXAMPLE)
    assert key.digest == hashlib.sha256(EXAMPLE.encode()).digest()
    assert key.matches(key.digest)
    assert not key.matches(new_api_key(key.key_id).digest)


def test_secret_does_not_show_in_the_representation() -> None:
    key = new_api_key(new_id(KeyId))
    assert key.text not in repr(key)
