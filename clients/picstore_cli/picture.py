"""`picstore picture`: from files to what a page needs, uploading only what is not there yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from google.protobuf import json_format
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
)

from picstore.catalog.v1.image_pb2 import Image, Output, Picture
from picstore_cli.console import err, size
from picstore_client import PicStoreClient, sha256_of
from picstore_client.client import UNFINISHED
from picstore_kit.errors import PicstoreError
from picstore_kit.ids import ImageId, ProjectId

_AT_ONCE = 4


class PictureFormat(StrEnum):
    """What is printed for a picture."""

    HTML = "html"
    MARKDOWN = "markdown"
    JSON = "json"
    URL = "url"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadOptions:
    """What goes with every file that is new."""

    upload_profile: str = ""
    alt_text: str = ""
    location: str = ""
    sizes: str = ""
    timeout_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one file."""

    path: Path
    image: Image
    picture: Picture
    uploaded: bool


async def make_pictures(
    client: PicStoreClient,
    project_id: ProjectId,
    paths: list[Path],
    options: UploadOptions,
    *,
    on_error: Callable[[Path, PicstoreError | OSError], None],
) -> list[Result]:
    """Make pictures of files, a few at once; a file that fails is told and left out."""
    digests = dict(zip(paths, await asyncio.gather(*map(sha256_of, paths)), strict=True))
    known = await client.lookup_images(project_id, set(digests.values()))
    places = asyncio.Semaphore(_AT_ONCE)
    with _progress() as progress:
        maker = _PictureMaker(client, project_id, options, known, progress)

        async def make(path: Path) -> Result | None:
            async with places:
                try:
                    return await maker.make(path, digests[path])
                except (PicstoreError, OSError) as error:
                    on_error(path, error)
                    return None

        results = await asyncio.gather(*map(make, paths))
    return [result for result in results if result is not None]


class _PictureMaker:
    def __init__(
        self,
        client: PicStoreClient,
        project_id: ProjectId,
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
        image_id = ImageId(image.id)
        if image.state in UNFINISHED:
            image = await self._wait(path, image_id)
        else:
            image = await self._client.get_image(image_id)
        picture = await self._client.get_picture(image_id, sizes=self._options.sizes)
        return Result(path=path, image=image, picture=picture, uploaded=uploaded)

    async def _upload(self, path: Path, digest: str) -> Image:
        total = (await asyncio.to_thread(path.stat)).st_size
        task = self._progress.add_task(f"upload  {path.name}", total=total, amount=size(total))
        try:
            return await self._client.quick_upload(
                self._project_id,
                path,
                sha256=digest,
                upload_profile=self._options.upload_profile,
                alt_text=self._options.alt_text,
                location=self._options.location,
                progress=lambda count: self._progress.advance(task, count),
            )
        finally:
            self._progress.remove_task(task)

    async def _wait(self, path: Path, image_id: ImageId) -> Image:
        task = self._progress.add_task(f"convert {path.name}", total=None, amount="")
        try:
            return await self._client.wait_ready(
                image_id,
                timeout_s=self._options.timeout_s,
                on_change=lambda image: self._show(task, image),
            )
        finally:
            self._progress.remove_task(task)

    def _show(self, task: TaskID, image: Image) -> None:
        wanted = [o for o in image.outputs if o.state != Output.STATE_SKIPPED]
        done = sum(o.state in (Output.STATE_READY, Output.STATE_FAILED) for o in wanted)
        self._progress.update(
            task, total=len(wanted), completed=done, amount=f"{done} of {len(wanted)} outputs"
        )


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
            return json_format.MessageToJson(picture, preserving_proto_field_name=True)


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        console=err,
        transient=True,
    )
