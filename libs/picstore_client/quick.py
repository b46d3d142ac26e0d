"""Uploads in one request."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from picstore.catalog.v1 import image_pb2
from picstore.catalog.v1.image_pb2 import Image
from picstore_client.connection import Connection
from picstore_client.meter import Meter
from picstore_client.patience import Patience, is_passing
from picstore_client.plan import ON_DUPLICATE, OnDuplicate, UploadPlan
from picstore_client.sources import Source
from picstore_client.wire import UNKNOWN_TYPE
from picstore_kit.errors import PicstoreError


class QuickUpload:
    """Sends a file in one request, and again from its begin if the answer does not come.

    A `request_id` is with it, so that the picture is one, whichever of the answers was lost. One
    for a picture that is there already has none, and is sent once.
    """

    def __init__(
        self, connection: Connection, plan: UploadPlan, source: Source, meter: Meter
    ) -> None:
        self._connection = connection
        self._plan = plan
        self._source = source
        self._meter = meter

    async def run(self, patience_s: float) -> Image:
        """Upload the file.

        Raises:
            PicstoreError: It is refused, or was not taken for `patience_s` seconds.
        """
        patience = Patience(patience_s)
        request_id = str(uuid4())
        while True:
            try:
                return await self._send(request_id)
            except PicstoreError as error:
                if self._plan.image_id or not is_passing(error):
                    raise
                await patience.wait(error)

    async def _send(self, request_id: str) -> Image:
        plan = self._plan
        texts = {"filename": plan.filename}
        if plan.image_id:
            path = f"/api/v1/images/{quote(plan.image_id, safe='')}/upload"
        else:
            path = f"/api/v1/projects/{quote(plan.project_id, safe='')}/quick_upload"
            texts |= {
                "upload_profile": plan.upload_profile,
                "alt_text": plan.alt_text,
                "location": plan.location,
                "request_id": request_id,
            }
        if plan.on_duplicate is not OnDuplicate.RETURN_EXISTING:
            value = ON_DUPLICATE[plan.on_duplicate]
            texts["on_duplicate"] = image_pb2.OnDuplicate.Name(value)
        return await send_file(
            self._connection,
            path,
            {name: text for name, text in texts.items() if text},
            content_type=plan.content_type,
            size=plan.size,
            sha256=plan.sha256,
            blocks=self._blocks(),
        )

    async def _blocks(self) -> AsyncIterator[bytes]:
        self._meter.set(0)
        async for block in self._source.blocks(0, self._source.size):
            yield block
            self._meter.add(len(block))


async def send_file(
    connection: Connection,
    path: str,
    params: dict[str, str],
    *,
    content_type: str,
    size: int,
    sha256: str,
    blocks: AsyncIterator[bytes],
) -> Image:
    """Send a file once as the body of a request and return the picture; `sha256` may be empty."""
    headers: dict[str, Any] = {
        "content-type": content_type or UNKNOWN_TYPE,
        "content-length": str(size),
    }
    if sha256:
        digest = base64.b64encode(bytes.fromhex(sha256)).decode()
        headers["content-digest"] = f"sha-256=:{digest}:"
    return await connection.send(
        Image, "POST", path, params=params, headers=headers, content=blocks
    )
