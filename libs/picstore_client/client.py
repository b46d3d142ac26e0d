"""The client: one connection pool, one method for each thing that applications do."""

from __future__ import annotations

import asyncio
import base64
import mimetypes
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
from google.protobuf import json_format
from google.protobuf.message import Message
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from picstore.auth.v1.authentication_pb2 import Principal
from picstore.catalog.v1.image_pb2 import (
    Image,
    ListImagesResponse,
    LookupImagesResponse,
    Picture,
)
from picstore.catalog.v1.project_pb2 import ListProjectsResponse, Project
from picstore_client.problems import error_of, unreachable
from picstore_kit.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    NotFound,
    Reason,
    Unavailable,
)
from picstore_kit.ids import ImageId, ProjectId

UNFINISHED: Final = frozenset({Image.STATE_AWAITING_UPLOAD, Image.STATE_CONVERTING})
"""States that something else will follow."""

_BLOCK_BYTES: Final = 256 * 1024
_READ_ATTEMPTS: Final = 4
_POLL_MIN_S: Final = 0.05
_POLL_MAX_S: Final = 1.0

MessageT = TypeVar("MessageT", bound=Message)
Progress = Callable[[int], None]
"""Is told the number of bytes that have been sent since the last time."""


class PicStoreClient:
    """Calls a Pic Store gateway; an async context manager.

    Every method raises a `PicstoreError`: the one that Pic Store answered with, or `Unavailable` if
    it does not answer. Reads are repeated a few times before that; uploads never are, for the
    caller can look a hash up first.
    """

    def __init__(self, url: str, api_key: str, *, timeout_s: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._http = httpx.AsyncClient(
            base_url=self._url,
            headers={"authorization": f"Bearer {api_key}"},
            timeout=httpx.Timeout(timeout_s, connect=5.0),
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._http.__aexit__(kind, error, traceback)

    async def get_principal(self) -> Principal:
        """Say who the API key belongs to and what it may do."""
        return await self._read(Principal, "GET", "/api/v1/me")

    async def find_project(self, name: str) -> Project:
        """Return the project with this id or short name.

        Raises:
            NotFound: There is none that the key may read.
        """
        if name.startswith("prj_"):
            return await self._read(Project, "GET", f"/api/v1/projects/{name}")
        found = await self._read(
            ListProjectsResponse, "GET", "/api/v1/projects", params={"short_name": name}
        )
        if not found.projects:
            raise NotFound.of("Project", name)
        return found.projects[0]

    async def lookup_images(
        self, project_id: ProjectId, sha256s: Iterable[str]
    ) -> dict[str, Image]:
        """Return the pictures of the project by the hashes of their originals, where it has any."""
        found = await self._read(
            LookupImagesResponse,
            "POST",
            f"/api/v1/projects/{project_id}/images:lookup",
            json={"sha256s": list(sha256s)},
        )
        return {image.sha256: image for image in found.images}

    async def quick_upload(
        self,
        project_id: ProjectId,
        path: Path,
        *,
        sha256: str | None = None,
        upload_profile: str = "",
        filename: str = "",
        alt_text: str = "",
        location: str = "",
        progress: Progress | None = None,
    ) -> Image:
        """Upload a file as a new picture; with `sha256` (hex) it is refused unless it is unchanged.

        Raises:
            OSError: The file can't be read.
        """
        texts = {
            "upload_profile": upload_profile,
            "filename": filename or path.name,
            "alt_text": alt_text,
            "location": location,
        }
        headers = {
            "content-type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            "content-length": str((await asyncio.to_thread(path.stat)).st_size),
        }
        if sha256 is not None:
            digest = base64.b64encode(bytes.fromhex(sha256)).decode()
            headers["content-digest"] = f"sha-256=:{digest}:"
        return await self._send(
            Image,
            "POST",
            f"/api/v1/projects/{project_id}/quick_upload",
            params={name: text for name, text in texts.items() if text},
            headers=headers,
            content=_blocks(path, progress),
        )

    async def get_image(self, image_id: ImageId) -> Image:
        """Return a picture with its outputs."""
        return await self._read(Image, "GET", f"/api/v1/images/{image_id}")

    async def wait_ready(
        self,
        image_id: ImageId,
        *,
        timeout_s: float = 300.0,
        on_change: Callable[[Image], None] | None = None,
    ) -> Image:
        """Wait until pages can show a picture.

        Raises:
            FailedPrecondition: The picture is FAILED, for the reason that the error has.
            DeadlineExceeded: It takes longer than `timeout_s` seconds.
        """
        deadline = time.monotonic() + timeout_s
        pause = _POLL_MIN_S
        etag = ""
        while True:
            image = await self.get_image(image_id)
            if on_change is not None and image.etag != etag:
                on_change(image)
            etag = image.etag
            if image.state == Image.STATE_READY:
                return image
            if image.state not in UNFINISHED:
                raise FailedPrecondition(
                    Reason(image.failure_reason),
                    f"{image.filename} could not be converted: {image.failure_message}",
                    metadata={"image": image.id},
                )
            if time.monotonic() + pause > deadline:
                raise DeadlineExceeded(
                    Reason.DEADLINE_EXCEEDED,
                    f"{image.filename} is not converted after {timeout_s:g} seconds; it goes on",
                    metadata={"image": image.id},
                )
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _POLL_MAX_S)

    async def get_picture(self, image_id: ImageId, *, sizes: str = "") -> Picture:
        """Return what a page needs to show a picture."""
        params = {"sizes": sizes} if sizes else {}
        return await self._read(Picture, "GET", f"/api/v1/images/{image_id}/picture", params=params)

    async def list_images(
        self, project_id: ProjectId, *, limit: int | None = None
    ) -> AsyncIterator[Image]:
        """Yield a project's pictures, newest first, at most `limit` of them."""
        token = ""
        count = 0
        while True:
            page = await self._read(
                ListImagesResponse,
                "GET",
                f"/api/v1/projects/{project_id}/images",
                params={"page_token": token} if token else {},
            )
            for image in page.images:
                if count == limit:
                    return
                count += 1
                yield image
            token = page.next_page_token
            if not token:
                return

    async def _read(self, kind: type[MessageT], verb: str, path: str, **request: Any) -> MessageT:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            stop=stop_after_attempt(_READ_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.1, max=2.0),
            reraise=True,
        )
        async for attempt in attempts:
            with attempt:
                return await self._send(kind, verb, path, **request)
        raise AssertionError("tenacity ends with a result or an error")

    async def _send(self, kind: type[MessageT], verb: str, path: str, **request: Any) -> MessageT:
        try:
            response = await self._http.request(verb, path, **request)
        except httpx.TransportError as error:
            raise unreachable(self._url, error) from error
        if response.is_error:
            raise error_of(response)
        return json_format.Parse(response.content, kind(), ignore_unknown_fields=True)


async def _blocks(path: Path, progress: Progress | None) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while block := await asyncio.to_thread(file.read, _BLOCK_BYTES):
            yield block
            if progress is not None:
                progress(len(block))
    finally:
        file.close()
