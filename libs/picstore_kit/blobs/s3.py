"""A blob store in any S3, through the MinIO SDK on a bounded number of threads.

Every request carries a digest that the server checks: the payload's sha256 in the signature over
http, Content-MD5 over https. After a write the store is asked what it holds (`stat`), and a wrong
size is an error.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

from minio.commonconfig import REPLACE, CopySource
from urllib3.response import BaseHTTPResponse

from picstore_kit.blobs.base import (
    CHUNK_BYTES,
    PART_BYTES,
    BlobDigestMismatch,
    BlobStat,
    BlobStore,
    BlobStoreUnavailable,
    Part,
    Parts,
    PresignedRequest,
    check_key,
    check_range,
    replaced,
    with_digest,
)
from picstore_kit.blobs.s3_client import S3Config, connect
from picstore_kit.blobs.s3_errors import DELETE, GET, LIST, PUT, BeyondEnd, mapped
from picstore_kit.blobs.s3_multipart import S3Multipart
from picstore_kit.blobs.s3_presign import S3Presigner
from picstore_kit.blobs.threads import Threads

_THREADS: Final = 16
_LIST_PAGE: Final = 1000
_META: Final = "x-amz-meta-"


class S3BlobStore(BlobStore):
    """Keeps objects in the bucket that `config` names, which must exist.

    Raises:
        BlobStoreDenied: No store can be reached by such a configuration.
    """

    def __init__(self, config: S3Config) -> None:
        self._bucket = config.bucket
        self._prefix = f"{config.prefix.strip('/')}/" if config.prefix.strip("/") else ""
        self._client = connect(config, connections=_THREADS)
        self._multipart = S3Multipart(self._client, config.bucket, self._name)
        self._presigner = S3Presigner(self._client, config.bucket, self._name)
        self._threads = Threads(_THREADS, name="blobs-s3")

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
        headers = _headers(cache_control, with_digest(metadata, sha256))
        return await self._threads.run(
            self._put_known, key, io.BytesIO(data), content_type, headers, sha256
        )

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
        headers = _headers(cache_control, with_digest(metadata, sha256))

        def put() -> BlobStat:
            with path.open("rb") as file:
                return self._put_known(key, file, content_type, headers, sha256)

        return await self._threads.run(put)

    async def get_to_file(self, key: str, path: Path) -> BlobStat:
        """See `BlobStore`."""
        part = path.with_name(f"{path.name}.part")
        response = await self._threads.run(self._open, key, 0, None)
        try:
            with part.open("wb") as target:

                def pump() -> int:
                    with mapped(key, GET):
                        chunk = response.read(CHUNK_BYTES)
                    return target.write(chunk)

                while await self._threads.run(pump):
                    pass
            part.replace(path)
        finally:
            _release(response)
            part.unlink(missing_ok=True)
        return _stat_of(response.headers)

    async def get_range(
        self, key: str, *, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """See `BlobStore`."""
        check_range(offset, length)
        if length == 0:
            await self.stat(key)
            return
        try:
            response = await self._threads.run(self._open, key, offset, length)
        except BeyondEnd:
            return

        def read() -> bytes:
            with mapped(key, GET):
                return response.read(CHUNK_BYTES)

        try:
            while chunk := await self._threads.run(read):
                yield chunk
        finally:
            _release(response)

    async def stat(self, key: str) -> BlobStat:
        """See `BlobStore`."""
        return await self._threads.run(self._stat, key)

    async def delete(self, key: str) -> None:
        """See `BlobStore`."""
        name = self._name(key)

        def delete() -> None:
            with mapped(key, DELETE):
                self._client.remove_object(self._bucket, name)

        await self._threads.run(delete)

    async def discard(self, key: str) -> None:
        """See `BlobStore`; S3 keeps the parts of an upload until it is completed or aborted."""
        name = self._name(key)

        def discard() -> None:
            self._multipart.abort_all(key)
            with mapped(key, DELETE):
                self._client.remove_object(self._bucket, name)

        await self._threads.run(discard)

    async def abort_unfinished(self, key: str) -> None:
        """See `BlobStore`."""
        await self._threads.run(self._multipart.abort_all, key)

    async def copy(
        self,
        source: str,
        target: str,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> BlobStat:
        """See `BlobStore`."""
        origin, name = CopySource(self._bucket, self._name(source)), self._name(target)

        def copy() -> BlobStat:
            changes: dict[str, Any] = {}
            if content_type is not None or metadata is not None:
                stat = replaced(self._stat(source), content_type, metadata)
                headers = _headers(stat.cache_control, stat.metadata)
                changes["metadata"] = {**headers, "Content-Type": stat.content_type}
                changes["metadata_directive"] = REPLACE
            with mapped(source, PUT):
                self._client.copy_object(self._bucket, name, origin, **changes)
            return self._stat(target)

        return await self._threads.run(copy)

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """See `BlobStore`."""
        found = self._client.list_objects(
            self._bucket, prefix=self._prefix + prefix, recursive=True
        )

        def page() -> list[str]:
            with mapped(prefix, LIST):
                return [
                    cast(str, item.object_name).removeprefix(self._prefix)
                    for item in islice(found, _LIST_PAGE)
                ]

        while keys := await self._threads.run(page):
            for key in keys:
                yield key

    async def presign_get(self, key: str, *, expires_s: int) -> str:
        """See `BlobStore`."""
        return await self._threads.run(self._presigner.get, key, expires_s=expires_s)

    async def presign_put(
        self,
        key: str,
        *,
        expires_s: int,
        content_type: str,
        size: int,
        sha256: str | None = None,
    ) -> PresignedRequest:
        """See `BlobStore`."""
        return await self._threads.run(
            self._presigner.put,
            key,
            expires_s=expires_s,
            content_type=content_type,
            size=size,
            sha256=sha256,
        )

    async def presign_post(
        self, key: str, *, expires_s: int, content_type: str, min_size: int, max_size: int
    ) -> PresignedRequest:
        """See `BlobStore`."""
        return await self._threads.run(
            self._presigner.post,
            key,
            expires_s=expires_s,
            content_type=content_type,
            min_size=min_size,
            max_size=max_size,
        )

    async def presign_part(
        self, key: str, upload_id: str, number: int, *, size: int, expires_s: int
    ) -> PresignedRequest:
        """See `BlobStore`."""
        return await self._threads.run(
            self._presigner.part, key, upload_id, number, size=size, expires_s=expires_s
        )

    async def begin_multipart(
        self, key: str, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> str:
        """See `BlobStore`."""
        headers = _headers(None, metadata or {})
        return await self._threads.run(self._multipart.begin, key, content_type, headers)

    async def put_part(
        self, key: str, upload_id: str, number: int, path: Path, *, offset: int, length: int
    ) -> Part:
        """See `BlobStore`."""
        return await self._threads.run(
            self._multipart.put, key, upload_id, number, path, offset=offset, length=length
        )

    async def list_parts(self, key: str, upload_id: str) -> Parts:
        """See `BlobStore`."""
        return await self._threads.run(self._multipart.parts, key, upload_id)

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[Part]) -> BlobStat:
        """See `BlobStore`; the store is asked what it holds then."""
        await self._threads.run(self._multipart.complete, key, upload_id, parts)
        return await self._threads.run(self._expect, key, sum(part.size for part in parts))

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """See `BlobStore`."""
        await self._threads.run(self._multipart.abort, key, upload_id)

    async def close(self) -> None:
        """See `BlobStore`."""
        self._threads.close()

    def _name(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _put_known(
        self,
        key: str,
        data: io.BytesIO | io.BufferedReader,
        content_type: str,
        headers: dict[str, str],
        sha256: str | None,
    ) -> BlobStat:
        if sha256 is not None and hashlib.file_digest(data, "sha256").hexdigest() != sha256:
            raise BlobDigestMismatch
        size = data.seek(0, os.SEEK_END)
        data.seek(0)
        name = self._name(key)
        with mapped(key, PUT):
            self._client.put_object(
                self._bucket,
                name,
                data,
                size,
                content_type=content_type,
                metadata=cast("dict[str, str | list[str] | tuple[str]]", headers),
                part_size=PART_BYTES,
                num_parallel_uploads=1,
            )
        return self._expect(key, size)

    def _expect(self, key: str, size: int) -> BlobStat:
        stat = self._stat(key)
        if stat.size != size:
            raise BlobStoreUnavailable
        return stat

    def _stat(self, key: str) -> BlobStat:
        name = self._name(key)
        with mapped(key, GET):
            return _stat_of(self._client.stat_object(self._bucket, name).metadata or {})

    def _open(self, key: str, offset: int, length: int | None) -> BaseHTTPResponse:
        name = self._name(key)
        with mapped(key, GET):
            return self._client.get_object(self._bucket, name, offset, length or 0)


def _headers(cache_control: str | None, metadata: Mapping[str, str]) -> dict[str, str]:
    headers = {f"{_META}{name}": value for name, value in metadata.items()}
    if cache_control is not None:
        headers["Cache-Control"] = cache_control
    return headers


def _stat_of(headers: Mapping[str, str]) -> BlobStat:
    lower = {name.lower(): value for name, value in headers.items()}
    if not lower.get("content-length", "").isdecimal():
        raise BlobStoreUnavailable  # no S3, or one that breaks off
    return BlobStat(
        size=int(lower["content-length"]),
        etag=lower.get("etag", "").strip('"'),
        content_type=lower.get("content-type", "application/octet-stream"),
        cache_control=lower.get("cache-control"),
        metadata={
            name.removeprefix(_META): value
            for name, value in lower.items()
            if name.startswith(_META)
        },
    )


def _release(response: BaseHTTPResponse) -> None:
    """Close first: a connection with unread bytes on it must not go back to the pool."""
    response.close()
    response.release_conn()
