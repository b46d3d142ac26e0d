"""A file of a `LocalBlobStore` while it is written, and what errors of a disk mean."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from picstore_kit.blobs.base import CHUNK_BYTES, BlobStoreDenied, BlobStoreUnavailable

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


class Draft:
    """A file that is being written and becomes an object, or vanishes.

    Made before it is opened, so that who is cancelled while a thread opens it can discard it.
    """

    def __init__(self, key: str, folder: Path) -> None:
        self.key = key
        self.size = 0
        self._folder = folder
        self._opened = False
        self._hash = hashlib.sha256()

    def open(self) -> None:
        """Make the file."""
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=draft_prefix(self.key))
        self._path = Path(name)
        self._file = os.fdopen(descriptor, "wb")
        self._opened = True

    def write(self, data: bytes) -> None:
        """Append bytes."""
        with mapped():
            self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def write_file(self, path: Path) -> None:
        """Append what is in another file."""
        with path.open("rb") as source:
            while chunk := source.read(CHUNK_BYTES):
                self.write(chunk)

    def digest(self) -> str:
        """Return the SHA-256 of what was written, in hex."""
        return self._hash.hexdigest()

    def move_to(self, target: Path, *, public: bool = True) -> None:
        """Become the file `target`, and survive a power cut: the content first, then the name."""
        self._file.flush()
        if public:  # mkstemp's 0600 would hide it from a web server
            os.fchmod(self._file.fileno(), 0o644)
        os.fsync(self._file.fileno())
        _rename(self._path, target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Remove the file unless it has become an object."""
        if not self._opened:
            return
        with suppress(OSError):  # what is still buffered may not fit on the disk, and need not
            self._file.close()
        self._path.unlink(missing_ok=True)


def draft_prefix(key: str) -> str:
    """Return what the names of all drafts of `key` begin with, and those of no other key."""
    return f"{hashlib.sha256(key.encode()).hexdigest()[:32]}-"


@contextmanager
def mapped() -> Iterator[None]:
    """Turn errors of the disk into those of a store."""
    try:
        yield
    except OSError as error:
        if error.errno in _REFUSALS:
            raise BlobStoreDenied(errno.errorcode[error.errno]) from error
        raise BlobStoreUnavailable from error


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
