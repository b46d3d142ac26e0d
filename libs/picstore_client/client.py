"""The client: one method for each thing that applications do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from google.protobuf.field_mask_pb2 import FieldMask

from picstore.auth.v1.authentication_pb2 import GetPrincipalRequest, Principal
from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.image_service_pb2 import (
    CreateDerivedImageRequest,
    GetImageRequest,
    GetPictureRequest,
    ListImagesRequest,
    LookupImagesRequest,
    UpdateImageRequest,
    WatchImagesResponse,
)
from picstore.catalog.v1.picture_pb2 import Picture
from picstore.catalog.v1.project_pb2 import GetProjectRequest, ListProjectsRequest, Project
from picstore.upload.v1.upload_pb2 import DeleteUploadRequest
from picstore_client.connection import Connection
from picstore_client.meter import Meter, Progress
from picstore_client.methods import (
    CREATE_DERIVED_IMAGE,
    DELETE_UPLOAD,
    GET_IMAGE,
    GET_PICTURE,
    GET_PRINCIPAL,
    GET_PROJECT,
    LIST_IMAGES,
    LIST_PROJECTS,
    LOOKUP_IMAGES,
    UPDATE_IMAGE,
)
from picstore_client.plan import OnDuplicate, UploadPlan, Via, media_type_of
from picstore_client.quick import send_file
from picstore_client.remembering import forget, recall
from picstore_client.sources import Content, opened
from picstore_client.uploading import UploadedImage, upload_source
from picstore_client.watching import LONGEST_WAIT_S, wait_ready, watch_image
from picstore_kit.errors import InvalidField, NotFound

_LOOKUP_SHA256S: Final = 1000
"""The most hashes that one lookup takes."""
_WAIT_S: Final = 300.0
"""How long a conversion is waited for if nobody says."""


class PicStoreClient(Connection):
    """Calls a Pic Store gateway; an async context manager.

    Every method raises a `PicstoreError`: the one that Pic Store answered with, or `Unavailable` if
    it does not answer. What does no harm when it is repeated is repeated a few times before that.
    """

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
        """Upload a file as a new picture by one request, once; `upload` does more.

        With `sha256` (hex) it is refused unless it is unchanged. `progress` is told of bytes as
        they are sent.

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
        meter = Meter(progress)
        async with opened(path) as source:

            async def blocks() -> AsyncIterator[bytes]:
                async for block in source.blocks(0, source.size):
                    yield block
                    meter.add(len(block))

            return await send_file(
                self,
                f"/api/v1/projects/{quote(project_id, safe='')}/quick_upload",
                {name: text for name, text in texts.items() if text},
                content_type=media_type_of(path.name),
                size=source.size,
                sha256=sha256 or "",
                blocks=blocks(),
            )

    async def upload(
        self,
        content: Content,
        *,
        project: str = "",
        image: str = "",
        upload_profile: str = "",
        filename: str = "",
        alt_text: str = "",
        location: str = "",
        content_type: str = "",
        on_duplicate: OnDuplicate = OnDuplicate.RETURN_EXISTING,
        via: Via = Via.AUTO,
        sha256: str = "",
        skip_known: bool = True,
        progress: Progress | None = None,
        wait: bool | float = False,
        state: Path | None = None,
        patience_s: float = 60.0,
    ) -> UploadedImage:
        """Upload a file, bytes or a stream by the way that suits its size.

        Bytes that the project has already are not sent. What breaks off is sent again, or goes on
        where it was, until there is no progress in `patience_s` seconds of waiting. An upload that
        is cancelled goes on, too, when it is called again with the same file and `state`, be it by
        another process; `abort_upload` gives it up.

        Args:
            content: A path, bytes, or an open file, which is read from where it is to its end.
            project: Its id or short name; may be left out where the caller can see only one.
            image: The picture that the bytes are for, announced or to be replaced; none for a new.
            upload_profile: Its id or short name; the API key's default if empty.
            filename: The name of the file, if it is not that of the path.
            alt_text: What the picture shows.
            location: The folder in the URLs of the outputs, such as `blog/2026`.
            content_type: The media type; by the name of the file if empty.
            on_duplicate: What is to happen if the project has the bytes already.
            via: The way that the bytes go.
            sha256: Of the content in hexadecimal, if it is known; other bytes are refused.
            skip_known: Whether to ask for the hash before anything is sent.
            progress: Is told of bytes as they are sent, or sent again.
            wait: Whether to wait until pages can show it; seconds, or True for five minutes.
            state: A file to remember an unfinished upload in (not used by QUICK).
            patience_s: How many seconds to wait, in all, without progress.

        Raises:
            OSError: The content can't be read.
            InvalidArgument: It was changed meanwhile, or is refused for what it is.
            PermissionDenied: The credential may not upload here.
            FailedPrecondition: The store has no presigned requests (PRESIGN_UNSUPPORTED), or other
                bytes are there than were sent (UPLOAD_DIGEST_WRONG).
            Unavailable: There was no progress for too long.
        """
        async with opened(content) as source:
            name = filename or source.name
            plan = UploadPlan(
                project_id=await self._project_id(project, image),
                image_id=image,
                upload_profile=upload_profile,
                filename=name,
                alt_text=alt_text,
                location=location,
                content_type=content_type or media_type_of(name),
                on_duplicate=on_duplicate,
                size=source.size,
                sha256=sha256.lower() or await source.sha256(),
            )
            uploaded = await upload_source(
                self,
                plan,
                source,
                via=via,
                skip_known=skip_known,
                meter=Meter(progress),
                state=state,
                patience_s=patience_s,
            )
        if wait is False:
            return uploaded
        seconds = _WAIT_S if wait is True else wait
        ready = await self.wait_ready(uploaded.image.id, timeout_s=seconds)
        return replace(uploaded, image=ready)

    async def _project_id(self, project: str, image: str) -> str:
        """Return the id of the project that is named, or is the only one in question."""
        if project.startswith("prj_"):
            return project
        if project:
            return (await self.find_project(project)).id
        if image:
            return (await self.get_image(image)).project_id
        found = (await self.call(LIST_PROJECTS, ListProjectsRequest(page_size=2))).projects
        if len(found) != 1:
            raise InvalidField("project", "must say which of the projects")
        return found[0].id

    async def abort_upload(self, state: Path) -> bool:
        """Give up the unfinished upload that a file remembers; say whether there was one.

        A picture that it has become stays.
        """
        remembered = await asyncio.to_thread(recall, state)
        if remembered is not None:
            with contextlib.suppress(NotFound):
                await self.call(DELETE_UPLOAD, DeleteUploadRequest(upload_id=remembered.upload_id))
        await asyncio.to_thread(forget, state)
        return remembered is not None

    async def get_image(self, image_id: str) -> Image:
        """Return a picture with its outputs."""
        return await self.call(GET_IMAGE, GetImageRequest(image_id=image_id))

    async def derive(
        self,
        image_id: str,
        template: str,
        variables: Mapping[str, str] = MappingProxyType({}),
        *,
        upload_profile: str = "",
        filename: str = "",
        alt_text: str = "",
        tags: Iterable[str] = (),
        wait: bool | float = False,
    ) -> Image:
        """Make a new picture of one that is there, by an overlay template (id or short name).

        Repeated after a lost answer, it makes one all the same. `wait` is whether to wait until
        pages can show it; seconds, or True for five minutes.

        Raises:
            NotFound: The picture, the template, or one that is drawn over it is not there.
            InvalidArgument: A variable is missing or wrong, or it would be too large.
            FailedPrecondition: A picture has no original yet, or the new one could not be made.
        """
        request = CreateDerivedImageRequest(
            image_id=image_id,
            overlay_template=template,
            variables=dict(variables),
            upload_profile=upload_profile,
            filename=filename,
            alt_text=alt_text,
            tags=tags,
        )
        image = await self.call(CREATE_DERIVED_IMAGE, request)
        if wait is False:
            return image
        return await self.wait_ready(image.id, timeout_s=_WAIT_S if wait is True else wait)

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

    async def picture(
        self,
        content: Image | Path | str,
        *,
        project: str = "",
        upload_profile: str = "",
        alt_text: str = "",
        location: str = "",
        sizes: str = "",
        timeout_s: float = _WAIT_S,
        progress: Progress | None = None,
        state: Path | None = None,
    ) -> Picture:
        """Return what a page needs to show a file, or a picture that is there; wait if need be.

        A `Path` is uploaded as `upload` does it, unless the project has its bytes already; a text
        is a picture's id. An `alt_text` is given to a picture that was there, too.

        Raises:
            OSError: The file can't be read.
            FailedPrecondition: The picture is FAILED, for the reason that the error has.
            DeadlineExceeded: The conversion takes longer than `timeout_s` seconds.
        """
        if isinstance(content, Path):
            uploaded = await self.upload(
                content,
                project=project,
                upload_profile=upload_profile,
                alt_text=alt_text,
                location=location,
                progress=progress,
                state=state,
            )
            image = uploaded.image
        else:
            image = content if isinstance(content, Image) else await self.get_image(content)
        _, picture = await self.finish(image, alt_text=alt_text, sizes=sizes, timeout_s=timeout_s)
        return picture

    async def finish(
        self,
        image: Image,
        *,
        alt_text: str = "",
        sizes: str = "",
        timeout_s: float = _WAIT_S,
        on_change: Callable[[Image], None] | None = None,
    ) -> tuple[Image, Picture]:
        """Wait for a picture as `wait_ready` does, and return it with what a page needs.

        It is given the alternative text, if there is one and it has another.
        """
        if alt_text not in ("", image.alt_text):
            image = await self.set_alt_text(image.id, alt_text)
        image = await self.wait_ready(image.id, timeout_s=timeout_s, on_change=on_change)
        return image, await self.get_picture(image.id, sizes=sizes)

    def list_images(self, project_id: str, *, limit: int | None = None) -> AsyncIterator[Image]:
        """Yield a project's pictures, newest first, at most `limit` of them."""
        return self.pages(LIST_IMAGES, ListImagesRequest(project_id=project_id), limit=limit)
