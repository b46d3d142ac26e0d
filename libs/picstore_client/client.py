"""The client: one connection pool, one method for each thing that applications do."""

from __future__ import annotations

import asyncio
import base64
import mimetypes
import re
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from google.protobuf import json_format
from google.protobuf.message import Message
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)
from tenacity.wait import wait_base

from picstore.auth.v1.authentication_pb2 import Principal
from picstore.catalog.v1.image_pb2 import Image, ListImagesResponse, LookupImagesResponse
from picstore.catalog.v1.picture_pb2 import Picture
from picstore.catalog.v1.project_pb2 import ListProjectsResponse, Project
from picstore_client.problems import error_of, foreign, reason_of, unreachable
from picstore_kit.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PicstoreError,
    Reason,
    Unauthenticated,
    Unavailable,
)

_UNFINISHED: Final = frozenset({Image.STATE_AWAITING_UPLOAD, Image.STATE_CONVERTING})
"""States that something else will follow."""

_BLOCK_BYTES: Final = 256 * 1024
_READ_ATTEMPTS: Final = 4
_POLL_MIN_S: Final = 0.05
_POLL_MAX_S: Final = 1.0
_CONNECT_TIMEOUT_S: Final = 5.0
_MAX_RETRY_AFTER_S: Final = 5.0
_LOOKUP_SHA256S: Final = 1000
"""The most hashes that one lookup takes."""
_PAGE_SIZE: Final = 500
"""The most pictures that one page holds."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_KEY: Final = re.compile(r"[!-~]+")

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
        """Prepare to call the gateway at `url`; `timeout_s` is for each wait for it.

        Raises:
            ValueError: The URL is none of HTTP.
            Unauthenticated: The key holds what no key does.
        """
        parsed = urlsplit(url)
        if parsed.scheme not in ("http", "https") or not parsed.hostname:
            raise ValueError(f"{url} is no URL of a gateway")
        if not _KEY.fullmatch(api_key):
            raise Unauthenticated(Reason.CREDENTIAL_INVALID, "this can't be an API key")
        self._url = url.rstrip("/")
        self._http = httpx.AsyncClient(
            base_url=self._url,
            headers={"authorization": f"Bearer {api_key}"},
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_TIMEOUT_S)),
            # No proxy is between us and this machine, whatever the environment says of others.
            trust_env=parsed.hostname not in _LOOPBACK,
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
            return await self._read(Project, "GET", f"/api/v1/projects/{_quoted(name)}")
        found = await self._read(
            ListProjectsResponse, "GET", "/api/v1/projects", params={"short_name": name}
        )
        if not found.projects:
            raise NotFound.of("Project", name)
        return found.projects[0]

    async def lookup_images(
        self, project_id: str, sha256s: Iterable[str], *, upload_profile: str = ""
    ) -> dict[str, Image]:
        """Return the pictures of the project by the hashes of their originals, where it has any.

        `upload_profile`, an id or a short name, leaves out what came by another.
        """
        wanted = list(sha256s)
        images: dict[str, Image] = {}
        for start in range(0, len(wanted), _LOOKUP_SHA256S):
            found = await self._read(
                LookupImagesResponse,
                "POST",
                f"/api/v1/projects/{_quoted(project_id)}/images:lookup",
                json={
                    "sha256s": wanted[start : start + _LOOKUP_SHA256S],
                    "upload_profile": upload_profile,
                },
            )
            images |= {image.sha256: image for image in found.images}
        return images

    async def quick_upload(
        self,
        project_id: str,
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

        `progress` is told of bytes as they are sent.

        Raises:
            OSError: The file can't be read.
            InvalidArgument: The file was changed meanwhile, or is refused for what it is.
        """
        texts = {
            "upload_profile": upload_profile,
            "filename": filename or path.name,
            "alt_text": alt_text,
            "location": location,
        }
        size = (await asyncio.to_thread(path.stat)).st_size
        headers = {
            "content-type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            "content-length": str(size),
        }
        if sha256 is not None:
            digest = base64.b64encode(bytes.fromhex(sha256)).decode()
            headers["content-digest"] = f"sha-256=:{digest}:"
        return await self._send(
            Image,
            "POST",
            f"/api/v1/projects/{_quoted(project_id)}/quick_upload",
            params={name: text for name, text in texts.items() if text},
            headers=headers,
            content=_blocks(path, size, progress),
        )

    async def get_image(self, image_id: str) -> Image:
        """Return a picture with its outputs."""
        return await self._read(Image, "GET", f"/api/v1/images/{_quoted(image_id)}")

    async def wait_ready(
        self,
        image_id: str,
        *,
        timeout_s: float = 300.0,
        on_change: Callable[[Image], None] | None = None,
    ) -> Image:
        """Wait until pages can show a picture.

        Raises:
            FailedPrecondition: The picture is FAILED, for the reason that the error has.
            DeadlineExceeded: It takes longer than `timeout_s` seconds.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._poll(image_id, on_change)
        except TimeoutError:
            raise DeadlineExceeded(
                Reason.DEADLINE_EXCEEDED,
                f"the picture is not converted after {timeout_s:g} s; its conversion goes on",
                metadata={"image": image_id},
            ) from None

    async def _poll(self, image_id: str, on_change: Callable[[Image], None] | None) -> Image:
        pause = _POLL_MIN_S
        etag = None
        while True:
            image = await self.get_image(image_id)
            if on_change is not None and image.etag != etag:
                on_change(image)
            etag = image.etag
            if image.state == Image.STATE_READY:
                return image
            if image.state not in _UNFINISHED:
                raise FailedPrecondition(
                    reason_of(image.failure_reason),
                    f"{image.filename} could not be converted: {image.failure_message}",
                    metadata={"image": image.id},
                )
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _POLL_MAX_S)

    async def set_alt_text(self, image_id: str, alt_text: str) -> Image:
        """Change what a picture is said to show."""
        return await self._send(
            Image,
            "PATCH",
            f"/api/v1/images/{_quoted(image_id)}",
            params={"update_mask": "alt_text"},
            json={"alt_text": alt_text},
        )

    async def get_picture(self, image_id: str, *, sizes: str = "") -> Picture:
        """Return what a page needs to show a picture."""
        params = {"sizes": sizes} if sizes else {}
        return await self._read(
            Picture, "GET", f"/api/v1/images/{_quoted(image_id)}/picture", params=params
        )

    async def list_images(
        self, project_id: str, *, limit: int | None = None
    ) -> AsyncIterator[Image]:
        """Yield a project's pictures, newest first, at most `limit` of them."""
        token = ""
        count = 0
        while True:
            page = await self._read(
                ListImagesResponse,
                "GET",
                f"/api/v1/projects/{_quoted(project_id)}/images",
                params={"page_size": min(limit or _PAGE_SIZE, _PAGE_SIZE), "page_token": token},
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
            wait=_RetryAfter() + wait_random_exponential(multiplier=0.1, max=2.0),
            reraise=True,
        )
        return await attempts(self._send, kind, verb, path, **request)

    async def _send(self, kind: type[MessageT], verb: str, path: str, **request: Any) -> MessageT:
        try:
            response = await self._http.request(verb, path, **request)
        except httpx.TransportError as error:
            raise unreachable(self._url, error) from error
        if not response.is_success:
            raise error_of(response)
        try:
            return json_format.Parse(response.content, kind(), ignore_unknown_fields=True)
        except (json_format.ParseError, UnicodeDecodeError):
            raise foreign(response) from None


class _RetryAfter(wait_base):
    """Waits as long as the server asked for, within reason."""

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome is not None else None
        seconds = error.retry_after if isinstance(error, PicstoreError) else None
        return min(seconds or 0.0, _MAX_RETRY_AFTER_S)


async def _blocks(path: Path, size: int, progress: Progress | None) -> AsyncIterator[bytes]:
    """Yield the file's bytes, exactly as many as were promised."""
    left = size
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while left > 0 and (block := await asyncio.to_thread(file.read, min(left, _BLOCK_BYTES))):
            yield block
            left -= len(block)
            if progress is not None:
                progress(len(block))
    finally:
        file.close()
    if left:
        raise InvalidArgument(Reason.UPLOAD_INCOMPLETE, f"{path} was changed while it was sent")


def _quoted(name: str) -> str:
    """Write an id or name so that it stays one part of a path."""
    return quote(name, safe="")
