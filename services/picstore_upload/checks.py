"""The checks that need the whole file: its digest, its format by content, its header."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from picstore_imaging.facts import Probe
from picstore_imaging.formats import SourceFormat
from picstore_imaging.limits import Limits
from picstore_imaging.sniff import HEAD_BYTES, recognise
from picstore_kit.errors import InvalidArgument, PicstoreError, Reason
from picstore_kit.sandbox.pool import Room
from picstore_kit.scratch import scratch_errors
from picstore_upload.model import empty, read_probe, wrong_digest
from picstore_upload.ports import Children

log = structlog.get_logger(__name__)

_PROBES: Final = 2
"""Children that may die of one header: the first may have died of something else."""

_NAME: Final = "upload"
"""What a child knows a file by."""

_CHILD_DEATHS: Final = frozenset({Reason.CHILD_CRASHED, Reason.CHILD_TIMEOUT, Reason.CHILD_MEMORY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A file that passed."""

    probe: Probe
    sha256: str
    """In hexadecimal."""


class CheckFile:
    """Looks at files that came whole; headers are read in sandboxed children."""

    def __init__(self, children: Children) -> None:
        self._children = children

    async def whole(
        self, path: Path, *, declared_type: str, sha256: str, limits: Limits
    ) -> Checked:
        """Check a file of which nothing is known yet; `sha256` (hex) may be empty.

        Raises:
            InvalidArgument: UPLOAD_EMPTY, UPLOAD_DIGEST_WRONG, IMAGE_*, LIMIT_*, or CHILD_* where
                more than one child died of it.
            ScratchUnavailable: The file cannot be read.
        """
        with scratch_errors():
            size, head, digest = await asyncio.to_thread(_read, path)
        if size == 0:
            raise empty()
        if sha256 and sha256.lower() != digest:
            raise wrong_digest(sha256, digest)
        format = recognise(head, declared_type, allow_svg=limits.allow_svg)
        probe = await self.header(path, format, size, limits)
        return Checked(probe=probe, sha256=digest)

    async def header(self, path: Path, format: SourceFormat, size: int, limits: Limits) -> Probe:
        """Have a child read the header of the whole file, which it can't change.

        Raises:
            InvalidArgument: IMAGE_*, LIMIT_*, or CHILD_* where more than one child died of it.
            ScratchUnavailable: The file cannot be given to it.
        """

        def request_for(room: Room) -> dict[str, Any]:
            return {"path": str(room.give(path, _NAME)), "limits": limits.to_json()}

        for attempt in range(1, _PROBES + 1):
            try:
                answer = await self._children.result(request_for)
                return read_probe(answer, format=format, size=size, limits=limits)
            except PicstoreError as error:
                if error.reason not in _CHILD_DEATHS:
                    raise
                log.warning("upload.probe_died", reason=error.reason, attempt=attempt)
                reason = error.reason
        raise InvalidArgument(reason, "the picture's header cannot be read within safe limits")


def _read(path: Path) -> tuple[int, bytes, str]:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), head, digest
