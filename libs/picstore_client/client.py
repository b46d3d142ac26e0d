"""The client: one connection pool, one method for each thing that applications do."""

from __future__ import annotations

import asyncio
import base64
import mimetypes
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
from google.protobuf import json_format
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)
from tenacity.wait import wait_base

from picstore.auth.v1.authentication_pb2 import GetPrincipalRequest, Principal
from picstore.catalog.v1.image_pb2 import (
    GetImageRequest,
    GetPictureRequest,
    Image,
    ListImagesRequest,
    LookupImagesRequest,
    UpdateImageRequest,
    WatchImagesResponse,
)
from picstore.catalog.v1.picture_pb2 import Picture
from picstore.catalog.v1.project_pb2 import GetProjectRequest, ListProjectsRequest, Project
from picstore_client.method import ItemT, ListMethod, Method, RequestT, ResponseT
from picstore_client.methods import (
    GET_IMAGE,
    GET_PICTURE,
    GET_PRINCIPAL,
    GET_PROJECT,
    LIST_IMAGES,
    LIST_PROJECTS,
    LOOKUP_IMAGES,
    UPDATE_IMAGE,
)
from picstore_client.problems import error_of, foreign, unreachable
from picstore_client.transcoding import http_call
from picstore_client.watching import LONGEST_WAIT_S, wait_ready, watch_image
from picstore_kit.errors import (
    InvalidArgument,
    NotFound,
    PicstoreError,
    Reason,
    Unauthenticated,
    Unavailable,
)

_BLOCK_BYTES: Final = 256 * 1024
_ATTEMPTS: Final = 4
_CONNECT_TIMEOUT_S: Final = 5.0
_MAX_RETRY_AFTER_S: Final = 5.0
_LOOKUP_SHA256S: Final = 1000
"""The most hashes that one lookup takes."""
_PAGE_SIZE: Final = 500
"""The most that one page holds."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_KEY: Final = re.compile(r"[!-~]+")

MessageT = TypeVar("MessageT", bound=Message)
Progress = Callable[[int], None]
"""Is told the number of bytes that have been sent since the last time."""


class PicStoreClient:
    """Calls a Pic Store gateway; an async context manager.

    Every method raises a `PicstoreError`: the one that Pic Store answered with, or `Unavailable` if
    it does not answer. What does no harm when it is repeated is repeated a few times before that;
    uploads never are, for the caller can look a hash up first.
    """

    def __init__(self, url: str, api_key: str | None = None, *, timeout_s: float = 30.0) -> None:
        """Prepare to call the gateway at `url`; `timeout_s` is for each wait for it.

        The credential of a session is as good as an API key. Without either, only what is public
        can be called, such as `LOGIN`.

        Raises:
            ValueError: The URL is none of HTTP.
            Unauthenticated: The key holds what no key does.
        """
        parsed = urlsplit(url)
        if parsed.scheme not in ("http", "https") or not parsed.hostname:
            raise ValueError(f"{url} is no URL of a gateway")
        if api_key is not None and not _KEY.fullmatch(api_key):
            raise Unauthenticated(Reason.CREDENTIAL_INVALID, "this can't be an API key")
        self._url = url.rstrip("/")
        self._http = httpx.AsyncClient(
            base_url=self._url,
            headers={} if api_key is None else {"authorization": f"Bearer {api_key}"},
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

    async def call(self, method: Method[RequestT, ResponseT], request: RequestT) -> ResponseT:
        """Call any method of `picstore_client.methods`.

        Where the request takes a `request_id` and has none, it gets one; so a call that was
        answered, but whose answer was lost, is not done twice when it is repeated.
        """
        if method.takes_request_id and not getattr(request, "request_id", ""):
            request = _with(request, request_id=str(uuid4()))
        call = http_call(method.descriptor, request)
        repeats = call.verb == "GET" or method.repeatable
        return await (self._repeated if repeats else self._send)(
            method.response, call.verb, call.path, params=call.params, json=call.body
        )

    async def pages(
        self,
        method: ListMethod[RequestT, ResponseT, ItemT],
        request: RequestT,
        *,
        limit: int | None = None,
    ) -> AsyncIterator[ItemT]:
        """Yield all that a method lists, at most `limit`, fetching page after page."""
        token = ""
        count = 0
        size = min(limit or _PAGE_SIZE, _PAGE_SIZE)
        while True:
            page = await self.call(method, _with(request, page_size=size, page_token=token))
            for item in method.items(page):
                if count == limit:
                    return
                count += 1
                yield item
            token = getattr(page, "next_page_token", "")
            if not token or count == limit:
                return

    async def get_principal(self) -> Principal:
        """Say who the credential belongs to and what it may do."""
        return await self.call(GET_PRINCIPAL, GetPrincipalRequest())

    async def find_project(self, name: str) -> Project:
        """Return the project with this id or short name.

        Raises:
            NotFound: There is none that the key may read.
        """
        if name.startswith("prj_"):
            return await self.call(GET_PROJECT, GetProjectRequest(project_id=name))
        found = await self.call(LIST_PROJECTS, ListProjectsRequest(short_name=name))
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
            found = await self.call(
                LOOKUP_IMAGES,
                LookupImagesRequest(
                    project_id=project_id,
                    sha256s=wanted[start : start + _LOOKUP_SHA256S],
                    upload_profile=upload_profile,
                ),
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
        return await self.call(GET_IMAGE, GetImageRequest(image_id=image_id))

    async def wait_ready(
        self,
        image_id: str,
        *,
        timeout_s: float = 300.0,
        on_change: Callable[[Image], None] | None = None,
    ) -> Image:
        """Wait until pages can show a picture, as it is after its newest original.

        Raises:
            FailedPrecondition: Nothing could be made of it, for the reason that the error has.
            DeadlineExceeded: It takes longer than `timeout_s` seconds.
        """
        return await wait_ready(
            lambda request: self.call(GET_IMAGE, request),
            image_id,
            timeout_s=timeout_s,
            longest_wait_s=min(LONGEST_WAIT_S, (self._http.timeout.read or LONGEST_WAIT_S) / 2),
            on_change=on_change,
        )

    def watch_image(self, image_id: str) -> AsyncGenerator[WatchImagesResponse, None]:
        """Yield how a picture is and what happens to it, until it is ready or failed for good."""
        return watch_image(self._http, self._url, image_id)

    async def set_alt_text(self, image_id: str, alt_text: str) -> Image:
        """Change what a picture is said to show."""
        return await self.call(
            UPDATE_IMAGE,
            UpdateImageRequest(
                image=Image(id=image_id, alt_text=alt_text),
                update_mask=FieldMask(paths=["alt_text"]),
            ),
        )

    async def get_picture(self, image_id: str, *, sizes: str = "") -> Picture:
        """Return what a page needs to show a picture."""
        return await self.call(GET_PICTURE, GetPictureRequest(image_id=image_id, sizes=sizes))

    def list_images(self, project_id: str, *, limit: int | None = None) -> AsyncIterator[Image]:
        """Yield a project's pictures, newest first, at most `limit` of them."""
        return self.pages(LIST_IMAGES, ListImagesRequest(project_id=project_id), limit=limit)

    async def _repeated(
        self, kind: type[MessageT], verb: str, path: str, **request: Any
    ) -> MessageT:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            stop=stop_after_attempt(_ATTEMPTS),
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
            # 204 says nothing, which is all that some messages have to say.
            content = response.content or b"{}"
            return json_format.Parse(content, kind(), ignore_unknown_fields=True)
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


def _with(request: MessageT, **fields: int | str) -> MessageT:
    """Return a copy of a request with some fields set."""
    copy = type(request)()
    copy.CopyFrom(request)
    for name, value in fields.items():
        setattr(copy, name, value)
    return copy


def _quoted(name: str) -> str:
    """Write an id or name so that it stays one part of a path."""
    return quote(name, safe="")
