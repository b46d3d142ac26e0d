"""What is known of the objects of a `LocalBlobStore`, beyond what a file says of itself.

The record of an object is `<folder>/<key>.json`.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from picstore_kit.blobs.base import BlobStat
from picstore_kit.blobs.drafts import Draft


class LocalRecords:
    """The records in a folder; every call blocks."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        """Records are written in `temporary`, which is there then, and moved to `folder`."""
        self._folder = folder
        self._temporary = temporary

    def write(self, key: str, stat: BlobStat) -> None:
        """Record what is known of an object; what was known before is gone."""
        record = {
            "size": stat.size,
            "etag": stat.etag,
            "content_type": stat.content_type,
            "cache_control": stat.cache_control,
            "metadata": dict(stat.metadata),
        }
        draft = Draft(key, self._temporary)
        try:
            draft.open()
            draft.write(json.dumps(record).encode())
            draft.move_to(self._place(key))
        finally:
            draft.discard()

    def read(self, key: str) -> BlobStat | None:
        """Return what was recorded of an object, or None; the object may be another by now."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return BlobStat(**json.loads(self._place(key).read_bytes()))
        return None

    def delete(self, key: str) -> None:
        """Forget what is known of an object, if anything is."""
        place = self._place(key)
        place.unlink(missing_ok=True)
        prune(place.parent, self._folder)

    def _place(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def prune(folder: Path, stop: Path) -> None:
    """Remove folders that a delete left empty; somebody may be filling them again: then leave."""
    with suppress(OSError):
        while folder != stop:
            folder.rmdir()
            folder = folder.parent
