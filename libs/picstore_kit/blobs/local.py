"""A blob store in a directory, for one machine: its files can be served as they are.

An object is the file `<root>/<key>`. What a file cannot say of itself (content type, cache control,
metadata) is in a record below `<root>/.picstore/meta` (`local_records`); a file that was put there
by hand has none and is an object all the same. Writes go to `<root>/.picstore/tmp` and are renamed
when they are on the disk.
"""

from __future__ import annotations

import mimetypes
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from picstore_kit.blobs.base import (
    CHUNK_BYTES,
    BlobDigestMismatch,
    BlobNotFound,
    BlobPresignUnsupported,
    BlobStat,
    BlobStore,
    BlobStoreDenied,
    Part,
    Parts,
    PresignedRequest,
    check_key,
    check_range,
    replaced,
    with_digest,
)
from picstore_kit.blobs.checks import check_part, check_parts, read_slice
from picstore_kit.blobs.drafts import Draft, draft_prefix, mapped
from picstore_kit.blobs.local_parts import Begun, LocalParts
from picstore_kit.blobs.local_records import LocalRecords, prune
from picstore_kit.blobs.threads import Threads
from picstore_kit.errors import InvalidField

_PRIVATE: Final = ".picstore"
_THREADS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalConfig:
    """A directory on this machine."""

    root: str | os.PathLike[str]
    """Created if it is missing."""


class LocalBlobStore(BlobStore):
    """Keeps objects as files below `root`, and never touches anything outside it."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root).resolve()
        self._temporary = self._root / _PRIVATE / "tmp"
        self._records = LocalRecords(self._root / _PRIVATE / "meta", self._temporary)
        self._parts = LocalParts(self._temporary)
        self._threads = Threads(_THREADS, name="blobs-local")

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
        draft = Draft(key, self._temporary)
        try:
            await self._threads.run(self._open, draft)
            await self._threads.run(draft.write, data)
            return await self._threads.run(
                self._publish, draft, content_type, cache_control, sha256, metadata
            )
        finally:
            draft.discard()

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
        draft = Draft(key, self._temporary)
        try:
            await self._threads.run(self._open, draft)
            await self._threads.run(draft.write_file, path)
            return await self._threads.run(
                self._publish, draft, content_type, cache_control, sha256, metadata
            )
        finally:
            draft.discard()

    async def get_to_file(self, key: str, path: Path) -> BlobStat:
        """See `BlobStore`."""
        return await self._threads.run(self._get_to_file, key, path)

    async def get_range(
        self, key: str, *, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """See `BlobStore`."""
        check_range(offset, length)
        file = await self._threads.run(self._open_at, key, offset)
        try:
            left = length
            while left is None or left > 0:
                size = CHUNK_BYTES if left is None else min(left, CHUNK_BYTES)
                chunk = await self._threads.run(file.read, size)
                if not chunk:
                    return
                if left is not None:
                    left -= len(chunk)
                yield chunk
        finally:
            file.close()

    async def stat(self, key: str) -> BlobStat:
        """See `BlobStore`."""
        return await self._threads.run(self._stat, key)

    async def delete(self, key: str) -> None:
        """See `BlobStore`."""
        await self._threads.run(self._delete, key)

    async def discard(self, key: str) -> None:
        """See `BlobStore`; drafts of a killed writer lie in the temporary folder."""
        await self._threads.run(self._discard, key)

    async def abort_unfinished(self, key: str) -> None:
        """See `BlobStore`."""
        await self._threads.run(self._abort_unfinished, key)

    async def copy(
        self,
        source: str,
        target: str,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> BlobStat:
        """See `BlobStore`."""
        return await self._threads.run(self._copy, source, target, content_type, metadata)

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """See `BlobStore`."""
        for key in await self._threads.run(lambda: [*self._walk(prefix)]):
            yield key

    async def presign_get(self, key: str, *, expires_s: int) -> str:
        """Refuse: nobody else reaches this directory."""
        raise BlobPresignUnsupported

    async def presign_put(
        self,
        key: str,
        *,
        expires_s: int,
        content_type: str,
        size: int,
        sha256: str | None = None,
    ) -> PresignedRequest:
        """Refuse: nobody else reaches this directory."""
        raise BlobPresignUnsupported

    async def presign_post(
        self, key: str, *, expires_s: int, content_type: str, min_size: int, max_size: int
    ) -> PresignedRequest:
        """Refuse: nobody else reaches this directory."""
        raise BlobPresignUnsupported

    async def presign_part(
        self, key: str, upload_id: str, number: int, *, size: int, expires_s: int
    ) -> PresignedRequest:
        """Refuse: nobody else reaches this directory."""
        raise BlobPresignUnsupported

    async def begin_multipart(
        self, key: str, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> str:
        """See `BlobStore`."""
        self._place(key)
        begun = Begun(content_type=content_type, metadata=metadata or {})
        return await self._threads.run(self._parts.begin, key, begun)

    async def put_part(
        self, key: str, upload_id: str, number: int, path: Path, *, offset: int, length: int
    ) -> Part:
        """See `BlobStore`."""
        self._place(key)
        check_part(number)

        def put() -> Part:
            data = read_slice(path, offset, length)
            return self._parts.put(key, upload_id, number, data)

        return await self._threads.run(put)

    async def list_parts(self, key: str, upload_id: str) -> Parts:
        """See `BlobStore`."""
        self._place(key)
        return await self._threads.run(self._parts.stored, key, upload_id)

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[Part]) -> BlobStat:
        """See `BlobStore`."""
        check_parts(parts)
        return await self._threads.run(self._complete, key, upload_id, parts)

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """See `BlobStore`."""
        self._place(key)
        await self._threads.run(self._parts.drop, key, upload_id)

    async def close(self) -> None:
        """See `BlobStore`."""
        self._threads.close()

    def _place(self, key: str) -> Path:
        """Find the file of `key`; a symbolic link on the way there could lead out of the root."""
        if check_key(key).split("/", 1)[0] == _PRIVATE:
            raise InvalidField("key", f"must not begin with {_PRIVATE}/")
        path = self._root / key
        if path.resolve() != path:
            raise BlobStoreDenied("SymbolicLink")
        return path

    def _open(self, draft: Draft) -> None:
        self._place(draft.key)
        with mapped():
            self._temporary.mkdir(parents=True, exist_ok=True)
            draft.open()

    def _publish(
        self,
        draft: Draft,
        content_type: str,
        cache_control: str | None,
        sha256: str | None,
        metadata: Mapping[str, str] | None,
    ) -> BlobStat:
        digest = draft.digest()
        if sha256 is not None and sha256 != digest:
            raise BlobDigestMismatch
        stat = BlobStat(
            size=draft.size,
            etag=digest,
            content_type=content_type,
            cache_control=cache_control,
            metadata=with_digest(metadata, sha256),
        )
        with mapped():
            self._records.write(draft.key, stat)
            draft.move_to(self._place(draft.key))
        return stat

    def _stat(self, key: str) -> BlobStat:
        path = self._place(key)
        with _reading(key):
            status = path.stat()
            if not path.is_file():
                raise BlobNotFound(key)
            record = self._records.read(key)
        if record is not None and record.size == status.st_size:
            return record
        guess, _ = mimetypes.guess_type(path.name)
        return BlobStat(
            size=status.st_size,
            etag=f"{status.st_mtime_ns:x}-{status.st_size:x}",
            content_type=guess or "application/octet-stream",
        )

    def _open_at(self, key: str, offset: int) -> IO[bytes]:
        self._stat(key)
        with _reading(key):
            file = self._place(key).open("rb")
            file.seek(offset)
            return file

    def _get_to_file(self, key: str, path: Path) -> BlobStat:
        stat = self._stat(key)
        part = path.with_name(f"{path.name}.part")
        with _reading(key):
            source = self._place(key).open("rb")
        try:
            with source, part.open("wb") as target:
                shutil.copyfileobj(source, target, CHUNK_BYTES)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return stat

    def _delete(self, key: str) -> None:
        path = self._place(key)
        with mapped():
            if path.is_file():
                path.unlink(missing_ok=True)
            self._records.delete(key)
        prune(path.parent, self._root)

    def _discard(self, key: str) -> None:
        self._delete(key)
        self._abort_unfinished(key)

    def _abort_unfinished(self, key: str) -> None:
        self._place(key)
        with mapped():
            for draft in self._temporary.glob(f"{draft_prefix(key)}*"):
                draft.unlink(missing_ok=True)

    def _copy(
        self,
        source: str,
        target: str,
        content_type: str | None,
        metadata: Mapping[str, str] | None,
    ) -> BlobStat:
        stat = replaced(self._stat(source), content_type, metadata)
        draft = Draft(target, self._temporary)
        try:
            self._open(draft)
            draft.write_file(self._place(source))
            with mapped():
                self._records.write(target, stat)
                draft.move_to(self._place(target))
        finally:
            draft.discard()
        return stat

    def _complete(self, key: str, upload_id: str, parts: Sequence[Part]) -> BlobStat:
        self._place(key)
        begun = self._parts.begun(key, upload_id)
        draft = Draft(key, self._temporary)
        try:
            self._open(draft)
            with _reading(key):  # somebody may be aborting
                for path in self._parts.files(key, upload_id, parts):
                    draft.write_file(path)
            stat = self._publish(draft, begun.content_type, None, None, begun.metadata)
        finally:
            draft.discard()
        self._parts.drop(key, upload_id)
        return stat

    def _walk(self, prefix: str) -> Iterator[str]:
        folder, _, _ = prefix.rpartition("/")
        start = self._place(folder) if folder else self._root
        for parent, folders, files in os.walk(start):
            if Path(parent) == self._root:
                folders[:] = [name for name in folders if name != _PRIVATE]
            for name in files:
                path = Path(parent, name)
                key = path.relative_to(self._root).as_posix()
                if key.startswith(prefix) and not path.is_symlink():
                    yield key


@contextmanager
def _reading(key: str) -> Iterator[None]:
    with mapped():
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            raise BlobNotFound(key) from None
