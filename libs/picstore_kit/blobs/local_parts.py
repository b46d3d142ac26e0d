"""The parts of objects of a `LocalBlobStore` that are not whole yet.

They lie among the drafts, under names that begin like all drafts of their key:
`<drafts of the key>-<upload id>.begun` says what the object is to be known as, and
`….<number>-<when>-<sha256>` is a part.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picstore_kit.blobs.base import BlobDigestMismatch, BlobNotFound, Part
from picstore_kit.blobs.drafts import Draft, draft_prefix, mapped

_UPLOAD_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What was said of an object when its upload began."""

    content_type: str
    metadata: Mapping[str, str]


class LocalParts:
    """The unfinished uploads in a temporary folder; every call blocks.

    Raises:
        BlobNotFound: The upload is gone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, key: str, begun: Begun) -> str:
        """Begin an upload, and return its id."""
        upload_id = uuid.uuid4().hex
        record = {"content_type": begun.content_type, "metadata": dict(begun.metadata)}
        self._write(key, json.dumps(record).encode(), lambda _: self._begun(key, upload_id))
        return upload_id

    def begun(self, key: str, upload_id: str) -> Begun:
        """Return what the upload began with."""
        with mapped():
            try:
                return Begun(**json.loads(self._begun(key, upload_id).read_bytes()))
            except FileNotFoundError:
                raise BlobNotFound(key) from None

    def put(self, key: str, upload_id: str, number: int, data: bytes) -> Part:
        """Store a part, and drop those that had its number before."""
        self.begun(key, upload_id)
        stem = f"{self._stem(key, upload_id)}{number:05}-"
        # By the time in the name the last of several writers is the same for all of them.
        path = self._write(key, data, lambda sha256: f"{stem}{time.time_ns():020}-{sha256}")
        with mapped():
            for other in self._folder.glob(f"{stem}*"):
                if other.name < path.name:
                    other.unlink(missing_ok=True)
        if not self._begun(key, upload_id).exists():  # aborted meanwhile
            path.unlink(missing_ok=True)
            raise BlobNotFound(key)
        # Not asked of the file: somebody may have replaced it already.
        return Part(number=number, etag=_named(path)[1], size=len(data))

    def stored(self, key: str, upload_id: str) -> list[Part]:
        """Return the parts that are stored, by number."""
        self.begun(key, upload_id)
        return [part for part, _ in self._latest(key, upload_id).values()]

    def files(self, key: str, upload_id: str, parts: Sequence[Part]) -> list[Path]:
        """Return where these parts are.

        Raises:
            BlobDigestMismatch: One is not there, or is another one by now.
        """
        latest = self._latest(key, upload_id)
        if any(part.number not in latest or latest[part.number][0] != part for part in parts):
            raise BlobDigestMismatch
        return [latest[part.number][1] for part in parts]

    def drop(self, key: str, upload_id: str) -> None:
        """Remove an upload and its parts; one that is gone is fine."""
        try:
            begun = self._begun(key, upload_id)
        except BlobNotFound:
            return
        with mapped():
            begun.unlink(missing_ok=True)
            for path in self._files(key, upload_id):
                path.unlink(missing_ok=True)

    def _write(self, key: str, data: bytes, name: Callable[[str], str | Path]) -> Path:
        draft = Draft(key, self._folder)
        try:
            with mapped():
                self._folder.mkdir(parents=True, exist_ok=True)
                draft.open()
                draft.write(data)
                path = self._folder / name(draft.digest())
                draft.move_to(path, public=False)
        finally:
            draft.discard()
        return path

    def _stem(self, key: str, upload_id: str) -> str:
        """Return what all files of the upload begin with; an id may be anybody's input."""
        if not _UPLOAD_ID.fullmatch(upload_id):
            raise BlobNotFound(key)
        return f"{draft_prefix(key)}{upload_id}."

    def _begun(self, key: str, upload_id: str) -> Path:
        return self._folder / f"{self._stem(key, upload_id)}begun"

    def _files(self, key: str, upload_id: str) -> Iterator[Path]:
        return self._folder.glob(f"{self._stem(key, upload_id)}[0-9]*")

    def _latest(self, key: str, upload_id: str) -> dict[int, tuple[Part, Path]]:
        found: dict[int, tuple[Part, Path]] = {}
        with mapped():
            for path in sorted(self._files(key, upload_id)):
                number, etag = _named(path)
                with suppress(FileNotFoundError):  # replaced meanwhile
                    size = path.stat().st_size
                    found[number] = Part(number=number, etag=etag, size=size), path
        return found


def _named(path: Path) -> tuple[int, str]:
    """Return the number and the sha256 that are in the name of a part."""
    number, _, sha256 = path.name.rpartition(".")[2].split("-")
    return int(number), sha256
