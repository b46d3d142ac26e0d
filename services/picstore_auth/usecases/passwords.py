"""Hashing passwords with Argon2id, beside the event loop."""

from __future__ import annotations

import unicodedata
from types import TracebackType
from typing import Final, Self

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from picstore_kit.blobs.threads import Threads

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
        self._threads = Threads(AT_ONCE, name="passwords")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._threads.close()

    async def hash(self, password: str) -> str:
        """Return the hash to store, in the PHC string format."""
        return await self._threads.run(self._hasher.hash, _prepared(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one that was stored; never, but as slowly, where none was."""
        same = await self._threads.run(self._verified, stored or self._nobodys, password)
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
    """Return one spelling for what is typed alike on different keyboards.

    One machine sends `é` as one character, another as two, a third types in full width. NFKC makes
    them one, as NIST SP 800-63B (5.1.1.2) advises.
    """
    return unicodedata.normalize("NFKC", password)
