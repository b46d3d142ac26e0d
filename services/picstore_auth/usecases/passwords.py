"""Hashing passwords with Argon2id, beside the event loop."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE: Final = 2
"""Hashes computed at the same time; each takes the memory of the settings."""


class Passwords:
    """Hashes and verifies; the parameters are in each hash, so they can change."""

    def __init__(self, *, time_cost: int, memory_kib: int, parallelism: int) -> None:
        self._hasher = PasswordHasher(
            time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism
        )
        # Verified where there is no user, so that the time taken does not tell who is one.
        self._nobodys = self._hasher.hash("nobody has this password")
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: str) -> str:
        """Return the hash to store, in the PHC string format."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, _prepared(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one that was stored; never where none was."""
        async with self._slots:
            same = await asyncio.to_thread(self._verified, stored or self._nobodys, password)
        return same and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verified(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, _prepared(password))
        except (VerificationError, InvalidHashError):
            return False


def _prepared(password: str) -> str:
    """Return one spelling for what is typed alike on different keyboards (RFC 8265, 4.2.2)."""
    return unicodedata.normalize("NFC", password)
