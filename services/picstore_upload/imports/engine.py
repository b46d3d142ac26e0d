"""The service's own engine, as imports use it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from picstore_kit.ids import TeamId
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
    ) -> Taken:
        """Take in one picture for the current principal; see `Engine`."""
        committed = await self._receive.run(team_id, header, messages)
        return Taken(image_id=committed.image.id, duplicate=committed.duplicate)
