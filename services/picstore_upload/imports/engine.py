"""The service's own engine, as imports use it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from picstore_kit.ids import TeamId, UploadId
from picstore_upload.imports.ports import Taken
from picstore_upload.model import Chunk, End, UploadHeader
from picstore_upload.receive import ReceiveUpload


class ReceivingEngine:
    """An `Engine` that hands pictures to the use-case which takes in all others."""

    def __init__(self, receive: ReceiveUpload) -> None:
        self._receive = receive

    async def take(
        self,
        team_id: TeamId,
        header: UploadHeader,
        messages: AsyncIterator[Chunk | End],
        *,
        upload_id: UploadId,
        on_duplicate: int,
    ) -> Taken:
        """Take in one picture for the current principal; see `Engine`."""
        image = await self._receive.run(team_id, header, messages)
        return Taken(image_id=image.id, duplicate=False)
