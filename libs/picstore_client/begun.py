"""An upload that is made before its bytes come: begun, looked at, completed, remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1.upload_pb2 import (
    CompleteUploadRequest,
    CreateUploadRequest,
    GetUploadRequest,
    Upload,
)
from picstore_client.plan import UploadPlan, fingerprint
from picstore_client.problems import reason_of
from picstore_client.remembering import Remembered, forget, recall, remember
from picstore_client.wire import UploadWire
from picstore_kit.errors import FailedPrecondition, NotFound, PicstoreError, Reason

_LIVES: Final = 3
"""How many uploads are made of a file, if one after the other expires while it is sent."""
_BYTES_MISSING: Final = frozenset({Reason.UPLOAD_INCOMPLETE, Reason.UPLOAD_OBJECT_MISSING})


class UploadGone(Exception):
    """The upload is there no more; another may be made."""


class Begun:
    """An upload at the gateway, this process's or one that was interrupted before."""

    def __init__(
        self,
        wire: UploadWire,
        plan: UploadPlan,
        method: Upload.Method.ValueType,
        state: Path | None,
    ) -> None:
        """Prepare; `state` is the file that the upload is remembered in."""
        self._wire = wire
        self._plan = plan
        self._wanted = plan.upload(method)
        self._state = state
        self._fingerprint = fingerprint(wire.address, self._wanted)
        self._request_id = str(uuid4())
        self.id = ""
        """Such as `upl_…`, once it is begun."""

    async def outlived(self, send: Callable[[], Awaitable[Image]]) -> Image:
        """Return the picture that `send` makes, of another upload if one expires meanwhile.

        Raises:
            FailedPrecondition: One after the other has expired (UPLOAD_EXPIRED).
        """
        for _ in range(_LIVES):
            try:
                image = await send()
            except UploadGone:
                await self._forget()
            else:
                await self._forget()
                return image
        raise FailedPrecondition(
            Reason.UPLOAD_EXPIRED, f"{_LIVES} uploads expired before the file had come"
        )

    async def begin(self) -> Upload:
        """Return the upload that is remembered, if it can still become a picture, or a new one."""
        upload = await self._recalled() or await self._wire.create(
            CreateUploadRequest(upload=self._wanted, request_id=self._request_id)
        )
        self.id = upload.id
        if self._state is not None:
            remembered = Remembered(fingerprint=self._fingerprint, upload_id=upload.id)
            await asyncio.to_thread(remember, self._state, remembered)
        return upload

    async def look(self, *, sign: bool = False) -> Upload:
        """Return how far it is.

        Raises:
            UploadGone: It has expired.
        """
        try:
            upload = await self._wire.get(GetUploadRequest(upload_id=self.id, sign=sign))
        except NotFound:
            raise UploadGone from None
        if upload.state == Upload.STATE_EXPIRED:
            raise UploadGone
        return upload

    async def complete(self) -> Image | None:
        """Make the picture; None if bytes are missing, or it is complete already: look at it."""
        try:
            return await self._wire.complete(
                CompleteUploadRequest(upload_id=self.id, sha256=self._plan.sha256)
            )
        except PicstoreError as error:
            if error.reason is Reason.UPLOAD_EXPIRED:
                raise UploadGone from None
            if error.reason in _BYTES_MISSING or error.reason is Reason.UPLOAD_COMPLETED:
                return None
            raise

    def outcome(self, upload: Upload) -> Image | None:
        """Return the picture that an upload has become; None if it is still open.

        Raises:
            FailedPrecondition: What came was refused, for the reason that the error has.
        """
        if upload.state == Upload.STATE_COMPLETED:
            return upload.image
        if upload.state == Upload.STATE_FAILED:
            raise FailedPrecondition(
                reason_of(upload.failure_reason),
                upload.failure_message,
                metadata={"upload": upload.id},
            )
        return None

    async def _forget(self) -> None:
        """Remember it no longer; what is begun next is another."""
        self._request_id = str(uuid4())
        if self._state is not None:
            await asyncio.to_thread(forget, self._state)

    async def _recalled(self) -> Upload | None:
        remembered = None
        if self._state is not None:
            remembered = await asyncio.to_thread(recall, self._state)
        if remembered is None or remembered.fingerprint != self._fingerprint:
            return None
        self.id = remembered.upload_id
        try:
            # One whose requests are presigned needs fresh ones.
            upload = await self.look(sign=self._wanted.method != Upload.METHOD_RESUMABLE)
        except UploadGone:
            return None
        deleted = upload.state == Upload.STATE_COMPLETED and not upload.image.id
        return None if deleted or upload.state == Upload.STATE_FAILED else upload
