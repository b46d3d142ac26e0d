"""A blob store that forgets everything: the double for unit tests."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from picstore_kit.blobs.base import (
    CHUNK_BYTES,
    BlobDigestMismatch,
    BlobNotFound,
    BlobStat,
    BlobStore,
    Part,
    Parts,
    PresignedRequest,
    check_key,
    check_range,
    replaced,
    with_digest,
)
from picstore_kit.blobs.checks import (
    check_expiry,
    check_part,
    check_parts,
    check_sizes,
    read_slice,
)
from picstore_kit.blobs.keys import public_url


@dataclass(frozen=True, slots=True)
class _Object:
    data: bytes
    stat: BlobStat


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    key: str
    content_type: str
    metadata: Mapping[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


class MemoryBlobStore(BlobStore):
    """Keeps objects in a dictionary."""

    def __init__(self) -> None:
        self._objects: dict[str, _Object] = {}
        self._uploads: dict[str, _Upload] = {}

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

    async def get_to_file(self, key: str, path: Path) -> BlobStat:
        """See `BlobStore`."""
        held = self._find(key)
        await asyncio.to_thread(path.write_bytes, held.data)
        return held.stat

    async def get_range(
        self, key: str, *, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
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
        await self.abort_unfinished(key)

    async def abort_unfinished(self, key: str) -> None:
        """See `BlobStore`."""
        self._uploads = {id: upload for id, upload in self._uploads.items() if upload.key != key}

    async def copy(
        self,
        source: str,
        target: str,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> BlobStat:
        """See `BlobStore`."""
        held = self._find(source)
        stat = replaced(held.stat, content_type, metadata)
        self._objects[check_key(target)] = _Object(held.data, stat)
        return stat

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """See `BlobStore`."""
        for key in sorted(self._objects):
            if key.startswith(prefix):
                yield key

    async def presign_get(self, key: str, *, expires_s: int) -> str:
        """Return a URL that only says what was asked for."""
        return _url("GET", key, expires_s)

    async def presign_put(
        self,
        key: str,
        *,
        expires_s: int,
        content_type: str,
        size: int,
        sha256: str | None = None,
    ) -> PresignedRequest:
        """Return a request that only says what was asked for."""
        check_sizes(size, size)
        headers = {"content-length": str(size), "content-type": content_type}
        if sha256 is not None:
            digest = base64.b64encode(bytes.fromhex(sha256)).decode()
            headers["x-amz-checksum-sha256"] = digest
        return PresignedRequest(method="PUT", url=_url("PUT", key, expires_s), headers=headers)

    async def presign_post(
        self, key: str, *, expires_s: int, content_type: str, min_size: int, max_size: int
    ) -> PresignedRequest:
        """Return a form that only says what was asked for."""
        check_sizes(min_size, max_size)
        fields = {
            "key": key,
            "Content-Type": content_type,
            "policy": f"content-length-range {min_size} {max_size}",
        }
        return PresignedRequest(method="POST", url=_url("POST", key, expires_s), fields=fields)

    async def presign_part(
        self, key: str, upload_id: str, number: int, *, size: int, expires_s: int
    ) -> PresignedRequest:
        """Return a request that only says what was asked for."""
        check_part(number)
        check_sizes(size, size)
        url = f"{_url('PUT', key, expires_s)}&uploadId={upload_id}&partNumber={number}"
        return PresignedRequest(method="PUT", url=url, headers={"content-length": str(size)})

    async def begin_multipart(
        self, key: str, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> str:
        """See `BlobStore`."""
        upload_id = uuid.uuid4().hex
        self._uploads[upload_id] = _Upload(
            key=check_key(key), content_type=content_type, metadata=metadata or {}
        )
        return upload_id

    async def put_part(
        self, key: str, upload_id: str, number: int, path: Path, *, offset: int, length: int
    ) -> Part:
        """See `BlobStore`."""
        check_part(number)
        data = await asyncio.to_thread(read_slice, path, offset, length)
        self._upload(key, upload_id).parts[number] = data
        return _part(number, data)

    async def list_parts(self, key: str, upload_id: str) -> Parts:
        """See `BlobStore`."""
        held = self._upload(key, upload_id).parts
        return [_part(number, held[number]) for number in sorted(held)]

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[Part]) -> BlobStat:
        """See `BlobStore`."""
        check_parts(parts)
        upload = self._upload(key, upload_id)
        held = upload.parts
        if any(
            part.number not in held or _part(part.number, held[part.number]) != part
            for part in parts
        ):
            raise BlobDigestMismatch
        del self._uploads[upload_id]
        return await self.put_bytes(
            key,
            b"".join(held[part.number] for part in parts),
            content_type=upload.content_type,
            metadata=upload.metadata,
        )

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """See `BlobStore`."""
        check_key(key)
        if upload_id in self._uploads and self._uploads[upload_id].key == key:
            del self._uploads[upload_id]

    async def close(self) -> None:
        """Forget everything."""
        self._objects.clear()
        self._uploads.clear()

    def _find(self, key: str) -> _Object:
        try:
            return self._objects[check_key(key)]
        except KeyError:
            raise BlobNotFound(key) from None

    def _upload(self, key: str, upload_id: str) -> _Upload:
        check_key(key)
        upload = self._uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise BlobNotFound(key)
        return upload


def _part(number: int, data: bytes) -> Part:
    return Part(number=number, etag=hashlib.sha256(data).hexdigest(), size=len(data))


def _url(method: str, key: str, expires_s: int) -> str:
    check_expiry(expires_s)
    return f"{public_url('memory:/', check_key(key))}?method={method}&expires_s={expires_s}"
