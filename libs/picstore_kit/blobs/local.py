"""A blob store in a directory, for one machine: its files can be served as they are.

An object is the file `<root>/<key>`. What a file cannot say of itself (content type, cache control,
metadata) is in `<root>/.picstore/meta/<key>.json`; a file that was put there by hand has no such
record and is an object all the same. Writes go to `<root>/.picstore/tmp` and are renamed when they
are on the disk.
"""

from __future__ import annotations

import errno
import hashlib
import json
import mimetypes
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
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
    BlobStoreUnavailable,
    check_key,
    check_range,
    with_digest,
)
from picstore_kit.blobs.threads import Threads
from picstore_kit.errors import InvalidField

_PRIVATE: Final = ".picstore"
_THREADS: Final = 8
_REFUSALS: Final = frozenset(
    (
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.EEXIST,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENAMETOOLONG,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalConfig:
    """A directory on this machine."""

    root: str | os.PathLike[str]
    """Created if it is missing."""


class LocalBlobStore(BlobStore):
    """Keeps objects as files below `root`, and never touches anything outside it."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root).resolve()
        self._meta = self._root / _PRIVATE / "meta"
        self._temporary = self._root / _PRIVATE / "tmp"
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
        draft = await self._threads.run(self._open_draft, key)
        try:
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
        draft = await self._threads.run(self._open_draft, key)
        try:
            await self._threads.run(draft.write_file, path)
            return await self._threads.run(
                self._publish, draft, content_type, cache_control, sha256, metadata
            )
        finally:
            draft.discard()

    async def put_stream(
        self,
        key: str,
        chunks: AsyncIterator[bytes],
        *,
        content_type: str,
        cache_control: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> BlobStat:
        """See `BlobStore`."""
        draft = await self._threads.run(self._open_draft, key)
        try:
            async for chunk in chunks:
                await self._threads.run(draft.write, chunk)
            return await self._threads.run(
                self._publish, draft, content_type, cache_control, None, metadata
            )
        finally:
            draft.discard()

    async def get_to_file(self, key: str, path: Path) -> BlobStat:
        """See `BlobStore`."""
        return await self._threads.run(self._get_to_file, key, path)

    async def get_range(
        self, key: str, *, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
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

    async def copy(self, source: str, target: str) -> BlobStat:
        """See `BlobStore`."""
        return await self._threads.run(self._copy, source, target)

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """See `BlobStore`."""
        for key in await self._threads.run(lambda: [*self._walk(prefix)]):
            yield key

    async def presign_get(self, key: str, *, expires_s: int) -> str:
        """Refuse: nobody else reaches this directory."""
        raise BlobPresignUnsupported

    async def presign_put(self, key: str, *, expires_s: int) -> str:
        """Refuse: nobody else reaches this directory."""
        raise BlobPresignUnsupported

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

    def _record(self, key: str) -> Path:
        return self._meta / f"{key}.json"

    def _open_draft(self, key: str) -> _Draft:
        self._place(key)
        with _mapped():
            self._temporary.mkdir(parents=True, exist_ok=True)
            return _Draft(key, self._temporary)

    def _publish(
        self,
        draft: _Draft,
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
        with _mapped():
            self._write_record(draft.key, stat)
            draft.move_to(self._place(draft.key))
        return stat

    def _write_record(self, key: str, stat: BlobStat) -> None:
        record = {
            "size": stat.size,
            "etag": stat.etag,
            "content_type": stat.content_type,
            "cache_control": stat.cache_control,
            "metadata": dict(stat.metadata),
        }
        draft = _Draft(key, self._temporary)
        try:
            draft.write(json.dumps(record).encode())
            draft.move_to(self._record(key))
        finally:
            draft.discard()

    def _stat(self, key: str) -> BlobStat:
        path = self._place(key)
        with _reading(key):
            status = path.stat()
            if not path.is_file():
                raise BlobNotFound(key)
            with suppress(FileNotFoundError, NotADirectoryError):
                record = json.loads(self._record(key).read_bytes())
                if record["size"] == status.st_size:
                    return BlobStat(**record)
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
        with _mapped():
            if path.is_file():
                path.unlink(missing_ok=True)
            self._record(key).unlink(missing_ok=True)
        _prune(path.parent, self._root)
        _prune(self._record(key).parent, self._meta)

    def _discard(self, key: str) -> None:
        self._delete(key)
        with _mapped():
            for draft in self._temporary.glob(f"{_draft_prefix(key)}*"):
                draft.unlink(missing_ok=True)

    def _copy(self, source: str, target: str) -> BlobStat:
        stat = self._stat(source)
        draft = self._open_draft(target)
        try:
            draft.write_file(self._place(source))
            with _mapped():
                self._write_record(target, stat)
                draft.move_to(self._place(target))
        finally:
            draft.discard()
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


class _Draft:
    """A file that is being written and becomes an object, or vanishes."""

    def __init__(self, key: str, folder: Path) -> None:
        self.key = key
        self.size = 0
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=_draft_prefix(key))
        self._path = Path(name)
        self._file = os.fdopen(descriptor, "wb")
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        with _mapped():
            self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def write_file(self, path: Path) -> None:
        with path.open("rb") as source:
            while chunk := source.read(CHUNK_BYTES):
                self.write(chunk)

    def digest(self) -> str:
        return self._hash.hexdigest()

    def move_to(self, target: Path) -> None:
        """Survive a power cut: the content first, then the name."""
        self._file.flush()
        os.fchmod(self._file.fileno(), 0o644)  # mkstemp's 0600 would hide it from a web server
        os.fsync(self._file.fileno())
        _rename(self._path, target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        with suppress(OSError):  # what is still buffered may not fit on the disk, and need not
            self._file.close()
        self._path.unlink(missing_ok=True)


def _draft_prefix(key: str) -> str:
    """Return what the names of all drafts of `key` begin with, and those of no other key."""
    return f"{hashlib.sha256(key.encode()).hexdigest()[:32]}-"


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _REFUSALS:
            raise BlobStoreDenied(errno.errorcode[error.errno]) from error
        raise BlobStoreUnavailable from error


@contextmanager
def _reading(key: str) -> Iterator[None]:
    with _mapped():
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            raise BlobNotFound(key) from None


def _rename(source: Path, target: Path) -> None:
    """Move into a folder that a delete may be removing at the same moment."""
    for attempts_left in reversed(range(5)):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
        # EEXIST: there when it was to be made, and gone when pathlib looked whether it is a folder.
        except (FileNotFoundError, FileExistsError):
            if not attempts_left:
                raise
        else:
            return


def _prune(folder: Path, stop: Path) -> None:
    """Remove folders that a delete left empty; somebody may be filling them again: then leave."""
    with suppress(OSError):
        while folder != stop:
            folder.rmdir()
            folder = folder.parent
