"""From files to what a page needs, uploading only what is not there yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.picture_pb2 import Picture
from picstore_cli.console import json_text
from picstore_cli.progress import Progress
from picstore_cli.resuming import forget_old, state_of
from picstore_client import PicStoreClient, sha256_of
from picstore_kit.errors import PicstoreError

_AT_ONCE: Final = 4

OnError = Callable[[Path, PicstoreError | OSError], None]


class PictureFormat(StrEnum):
    """What is printed for a picture."""

    HTML = "html"
    MARKDOWN = "markdown"
    JSON = "json"
    URL = "url"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadOptions:
    """What is said of all files."""

    upload_profile: str = ""
    """A file that came by another one counts as new."""
    alt_text: str = ""
    """Given to files that were there, too."""
    location: str = ""
    """Of files that are new."""
    sizes: str = ""
    """For the tag, of files that were there, too."""
    timeout_s: float = 300.0
    """For each conversion, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one file."""

    path: Path
    image: Image
    picture: Picture
    uploaded: bool


async def make_pictures(
    client: PicStoreClient,
    project_id: str,
    paths: Sequence[Path],
    options: UploadOptions,
    *,
    progress: Progress,
    on_error: OnError,
) -> list[Result]:
    """Make pictures of files, a few at once; a file that fails is told and left out.

    Files with the same content become one picture, with a result for each of them.

    Raises:
        PicstoreError: It could not be asked which files are there already.
    """
    await asyncio.to_thread(forget_old)
    digests = await _digests(paths, on_error)
    known = await client.lookup_images(
        project_id, set(digests.values()), upload_profile=options.upload_profile
    )
    maker = _PictureMaker(client, project_id, options, known, progress)
    places = asyncio.Semaphore(_AT_ONCE)

    async def make(digest: str, same: list[Path]) -> dict[Path, Result]:
        async with places:
            try:
                made = await maker.make(same[0], digest)
            except (PicstoreError, OSError) as error:
                for path in same:
                    on_error(path, error)
                return {}
        return {path: _of(path, made) for path in same}

    by_digest: dict[str, list[Path]] = {}
    for path, digest in digests.items():
        by_digest.setdefault(digest, []).append(path)
    results: dict[Path, Result] = {}
    for made in await asyncio.gather(*(make(*item) for item in by_digest.items())):
        results |= made
    return [results[path] for path in dict.fromkeys(paths) if path in results]


async def _digests(paths: Sequence[Path], on_error: OnError) -> dict[Path, str]:
    """Return the hashes of the files that can be read, each file once."""
    digests: dict[Path, str] = {}
    for path in dict.fromkeys(paths):
        try:
            digests[path] = await sha256_of(path)
        except OSError as error:
            on_error(path, error)
    return digests


def _of(path: Path, made: Result) -> Result:
    uploaded = made.uploaded and path == made.path
    return Result(path=path, image=made.image, picture=made.picture, uploaded=uploaded)


class _PictureMaker:
    def __init__(
        self,
        client: PicStoreClient,
        project_id: str,
        options: UploadOptions,
        known: dict[str, Image],
        progress: Progress,
    ) -> None:
        self._client = client
        self._project_id = project_id
        self._options = options
        self._known = known
        self._progress = progress

    async def make(self, path: Path, digest: str) -> Result:
        image = self._known.get(digest)
        uploaded = image is None
        if image is None:
            image = await self._upload(path, digest)
        with self._converting(path, image) as show:
            image, picture = await self._client.finish(
                image,
                alt_text=self._options.alt_text,
                sizes=self._options.sizes,
                timeout_s=self._options.timeout_s,
                on_change=show,
            )
        return Result(path=path, image=image, picture=picture, uploaded=uploaded)

    async def _upload(self, path: Path, digest: str) -> Image:
        total = (await asyncio.to_thread(path.stat)).st_size
        with self._progress.uploading(path, total) as advance:
            uploaded = await self._client.upload(
                path,
                project=self._project_id,
                sha256=digest,
                skip_known=False,  # it has been asked already
                upload_profile=self._options.upload_profile,
                alt_text=self._options.alt_text,
                location=self._options.location,
                progress=advance,
                state=state_of(self._client.url, self._project_id, digest),
            )
        return uploaded.image

    def _converting(
        self, path: Path, image: Image
    ) -> AbstractContextManager[Callable[[Image], None] | None]:
        if image.state == Image.STATE_READY:
            return nullcontext()
        return self._progress.converting(path)


def render(result: Result, form: PictureFormat) -> str:
    """Return what is printed for a picture."""
    picture = result.picture
    match form:
        case PictureFormat.HTML:
            return picture.html
        case PictureFormat.MARKDOWN:
            alt = picture.alt_text.replace("[", r"\[").replace("]", r"\]")
            return f"![{alt}]({picture.fallback_url})"
        case PictureFormat.URL:
            return picture.fallback_url
        case PictureFormat.JSON:
            return json_text(picture, indent=2)
