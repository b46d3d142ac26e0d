"""Hashing passwords."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from picstore_auth.model.text import password_fault
from picstore_auth.settings import PasswordSettings
from picstore_auth.usecases.passwords import Passwords

PASSWORD = "correct horse battery"


def cheap(*, time_cost: int = 1) -> Passwords:
    return Passwords(time_cost=time_cost, memory_kib=8, parallelism=1)


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    async with cheap() as passwords:
        yield passwords


async def test_password_matches_its_hash_and_no_other(passwords: Passwords) -> None:
    stored = await passwords.hash(PASSWORD)
    assert await passwords.matches(stored, PASSWORD)
    assert not await passwords.matches(stored, PASSWORD.upper())
    assert PASSWORD not in stored


async def test_hash_is_argon2id_and_salted(passwords: Passwords) -> None:
    one, other = [await passwords.hash(PASSWORD) for _ in range(2)]
    assert one != other
    assert extract_parameters(one).type is Type.ID


def test_defaults_are_the_low_memory_profile_of_the_rfc() -> None:
    settings = PasswordSettings()
    assert (settings.time_cost, settings.memory_kib, settings.parallelism) == (3, 64 * 1024, 4)


async def test_unknown_user_costs_a_verification(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    verify = PasswordHasher.verify

    def note(self: PasswordHasher, stored: str, password: str) -> Any:
        verified.append(stored)
        return verify(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", note)
    assert not await passwords.matches(None, PASSWORD)
    (dummy,) = verified
    assert not passwords.is_outdated(dummy)


async def test_password_of_nobodys_hash_is_good_for_nothing(passwords: Passwords) -> None:
    assert not await passwords.matches(None, "nobody has this password")


async def test_hash_of_other_parameters_is_good_and_outdated(passwords: Passwords) -> None:
    async with cheap(time_cost=2) as former:
        stored = await former.hash(PASSWORD)
    assert await passwords.matches(stored, PASSWORD)
    assert passwords.is_outdated(stored)
    assert not passwords.is_outdated(await passwords.hash(PASSWORD))


async def test_hash_that_is_none_matches_nothing(passwords: Passwords) -> None:
    assert not await passwords.matches("nonsense", PASSWORD)


async def test_full_width_is_typed_alike(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")
    assert await passwords.matches(stored, "\uff43orrect\u3000horse")


@pytest.mark.parametrize(
    "password",
    [
        "eleven char",
        "x" * 257,
        "Ann.Example@example.org",
        "ANN.EXAMPLE@EXAMPLE.ORG",
        "the-whole-team",
        "aaaaaaaaaaaaaa",
    ],
)
def test_weak_passwords_have_a_fault(password: str) -> None:
    assert password_fault(password, email="ann.example@example.org", team="the-whole-team")


@pytest.mark.parametrize("password", ["twelve chars", "x y" * 85, "correct horse battery"])
def test_long_passwords_are_enough(password: str) -> None:
    assert password_fault(password, email="ann.example@example.org", team="team") is None
