"""A blob store that forgets everything: the double for unit tests."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from picstore_kit.blobs.base import (
    CHUNK_BYTES,
    BlobDigestMismatch,
    BlobNotFound,
    BlobStat,
    BlobStore,
    check_key,
    check_range,
    with_digest,
)
from picstore_kit.blobs.keys import public_url


@dataclass(frozen=True, slots=True)
class _Object:
    data: bytes
    stat: BlobStat


class MemoryBlobStore(BlobStore):
    """Keeps objects in a dictionary."""

    def __init__(self) -> None:
        self._objects: dict[str, _Object] = {}

    async def put_bytes(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str,
        cache_control: str | None = None,
        sha256: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> BlobStat:
        """See `BlobStore`."""
        check_key(key)
        digest = hashlib.sha256(data).hexdigest()
        if sha256 is not None and sha256 != digest:
            raise BlobDigestMismatch
        stat = BlobStat(
            size=len(data),
            etag=digest,
            content_type=content_type,
            cache_control=cache_control,
            metadata=with_digest(metadata, sha256),
        )
        self._objects[key] = _Object(data, stat)
        return stat

    async def put_file(
        self,
        key: str,
        path: Path,
        *,
        content_type: str,
        cache_control: str | None = None,
        sha256: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> BlobStat:
        """See `BlobStore`."""
        return await self.put_bytes(
            key,
            await asyncio.to_thread(path.read_bytes),
            content_type=content_type,
            cache_control=cache_control,
            sha256=sha256,
            metadata=metadata,
        )

    async def put_stream(
        self,
        key: str,
        chunks: AsyncIterator[bytes],
        *,
        content_type: str,
        cache_control: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> BlobStat:
        """See `BlobStore`, but for the memory."""
        check_key(key)
        return await self.put_bytes(
            key,
            b"".join([chunk async for chunk in chunks]),
            content_type=content_type,
            cache_control=cache_control,
            metadata=metadata,
        )

    async def get_to_file(self, key: str, path: Path) -> BlobStat:
        """See `BlobStore`."""
        held = self._find(key)
        await asyncio.to_thread(path.write_bytes, held.data)
        return held.stat

    async def get_range(
        self, key: str, *, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """See `BlobStore`."""
        check_range(offset, length)
        data = self._find(key).data
        end = len(data) if length is None else min(offset + length, len(data))
        for start in range(offset, end, CHUNK_BYTES):
            yield data[start : min(start + CHUNK_BYTES, end)]

    async def stat(self, key: str) -> BlobStat:
        """See `BlobStore`."""
        return self._find(key).stat

    async def delete(self, key: str) -> None:
        """See `BlobStore`."""
        self._objects.pop(check_key(key), None)

    async def discard(self, key: str) -> None:
        """See `BlobStore`."""
        await self.delete(key)

    async def copy(self, source: str, target: str) -> BlobStat:
        """See `BlobStore`."""
        held = self._find(source)
        self._objects[check_key(target)] = held
        return held.stat

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """See `BlobStore`."""
        for key in sorted(self._objects):
            if key.startswith(prefix):
                yield key

    async def presign_get(self, key: str, *, expires_s: int) -> str:
        """Return a URL that only says what was asked for."""
        return f"{public_url('memory:/', check_key(key))}?method=GET&expires_s={expires_s}"

    async def presign_put(self, key: str, *, expires_s: int) -> str:
        """Return a URL that only says what was asked for."""
        return f"{public_url('memory:/', check_key(key))}?method=PUT&expires_s={expires_s}"

    async def close(self) -> None:
        """Forget everything."""
        self._objects.clear()

    def _find(self, key: str) -> _Object:
        try:
            return self._objects[check_key(key)]
        except KeyError:
            raise BlobNotFound(key) from None
