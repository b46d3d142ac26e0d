"""The hash that Pic Store knows originals by."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path


async def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, read in blocks.

    Raises:
        OSError: The file can't be read.
    """

    def digest() -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return await asyncio.to_thread(digest)
