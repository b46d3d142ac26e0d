"""Files to pictures, a few at once; what was interrupted goes on."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from picstore.catalog.v1.image_pb2 import Image
from picstore_cli.progress import Progress
from picstore_cli.resuming import forget_old, state_of
from picstore_client import OnDuplicate, PicStoreClient, UploadedImage, Via, sha256_of
from picstore_kit.errors import PicstoreError

STDIN: Final = Path("-")

_AT_ONCE: Final = 4

OnError = Callable[[Path, PicstoreError | OSError], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said of all files."""

    image: str
    """The picture that the bytes are for; empty for new ones."""
    upload_profile: str
    alt_text: str
    location: str
    filename: str
    """Instead of the file's own name; empty to keep it."""
    on_duplicate: OnDuplicate
    via: Via
    wait: bool
    """Whether to wait until pages can show them."""
    timeout_s: float
    """For each conversion, in seconds."""
    resume: bool
    """Whether to go on where an upload of the same file was interrupted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a file."""

    path: Path
    uploaded: UploadedImage


async def upload_files(
    client: PicStoreClient,
    project_id: str,
    paths: Sequence[Path],
    said: Said,
    *,
    progress: Progress,
    on_error: OnError,
) -> list[Done]:
    """Upload files, each once; a file that fails is told and left out. `-` is standard input."""
    await asyncio.to_thread(forget_old)
    uploader = _Uploader(client, project_id, said, progress)
    places = asyncio.Semaphore(_AT_ONCE)
    sizes = {path: await asyncio.to_thread(_size_of, path) for path in dict.fromkeys(paths)}

    async def upload(path: Path) -> Done | None:
        async with places:
            try:
                return Done(path=path, uploaded=await uploader.upload(path, sizes[path]))
            except (PicstoreError, OSError) as error:
                on_error(path, error)
                return None

    total = sum(size for size in sizes.values() if size is not None)
    with progress.overall(len(sizes), total) if len(sizes) > 1 else nullcontext():
        done = await asyncio.gather(*map(upload, sizes))
    return [one for one in done if one is not None]


def _size_of(path: Path) -> int | None:
    """Return the size of a file in bytes, if it has one; reading it will tell what is wrong."""
    try:
        return None if path == STDIN else path.stat().st_size
    except OSError:
        return None


class _Uploader:
    def __init__(
        self, client: PicStoreClient, project_id: str, said: Said, progress: Progress
    ) -> None:
        self._client = client
        self._project_id = project_id
        self._said = said
        self._progress = progress
        # Two files with the same content would write to the same upload.
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def upload(self, path: Path, size: int | None) -> UploadedImage:
        digest = "" if path == STDIN else await sha256_of(path)
        async with self._locks[digest]:
            uploaded = await self._send(path, size, digest)
        image = uploaded.image
        ready = image.state == Image.STATE_READY and not image.pending_generation
        if not self._said.wait or ready:
            return uploaded
        with self._progress.converting(path) as show:
            image = await self._client.wait_ready(
                uploaded.image.id, timeout_s=self._said.timeout_s, on_change=show
            )
        return replace(uploaded, image=image)

    async def _send(self, path: Path, size: int | None, digest: str) -> UploadedImage:
        state = None
        if digest and self._said.resume:
            state = state_of(self._client.url, self._project_id, digest)
        with self._progress.uploading(path, size) as advance:
            return await self._client.upload(
                sys.stdin.buffer if path == STDIN else path,
                project=self._project_id,
                image=self._said.image,
                upload_profile=self._said.upload_profile,
                filename=self._said.filename or ("stdin" if path == STDIN else path.name),
                alt_text=self._said.alt_text,
                location=self._said.location,
                on_duplicate=self._said.on_duplicate,
                via=self._said.via,
                sha256=digest,
                progress=advance,
                state=state,
            )
