"""Uploads that go on where they were interrupted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1.upload_pb2 import Upload
from picstore_client.begun import Begun
from picstore_client.meter import Meter
from picstore_client.patience import Patience, is_passing, patiently
from picstore_client.plan import UploadPlan
from picstore_client.sources import Source
from picstore_client.wire import UploadWire
from picstore_kit.errors import FailedPrecondition, PicstoreError, Reason, Unavailable

_LOOK_AGAIN: Final = frozenset({Reason.UPLOAD_COMPLETED, Reason.UPLOAD_EXPIRED})
"""Refusals to write that say: the upload is not as you think."""


class ResumableUpload:
    """Writes a file to Pic Store; whatever breaks off goes on at what is stored safely."""

    def __init__(
        self,
        wire: UploadWire,
        plan: UploadPlan,
        source: Source,
        meter: Meter,
        *,
        state: Path | None,
    ) -> None:
        self._wire = wire
        self._plan = plan
        self._source = source
        self._meter = meter
        self._begun = Begun(wire, plan, Upload.METHOD_RESUMABLE, state)

    @property
    def upload_id(self) -> str:
        """Such as `upl_…`; empty before it is made."""
        return self._begun.id

    async def run(self, patience_s: float) -> Image:
        """Upload the file; one that was interrupted before, if it is remembered.

        Raises:
            PicstoreError: It is refused, or did not get on for `patience_s` seconds.
        """
        return await self._begun.outlived(lambda: self._once(Patience(patience_s)))

    async def _once(self, patience: Patience) -> Image:
        upload = await patiently(patience, self._begun.begin)
        furthest = upload.persisted_size
        while True:
            image = self._begun.outcome(upload)
            if image is not None:
                self._meter.set(self._source.size)
                return image
            self._check(upload)
            self._meter.set(upload.persisted_size)
            if upload.persisted_size > furthest:
                furthest = upload.persisted_size
                patience.renew()
            try:
                image, upload = await self._go_on(upload)
                if image is not None:
                    return image
                if self._begun.outcome(upload) is None:
                    await patience.wait(_standstill(upload))
            except PicstoreError as error:
                if error.reason not in _LOOK_AGAIN and not is_passing(error):
                    raise
                await patience.wait(error)
                upload = await patiently(patience, self._begun.look)

    async def _go_on(self, upload: Upload) -> tuple[Image | None, Upload]:
        """Write what is missing, or make the picture where nothing is; then say how far it is."""
        if upload.persisted_size < self._source.size:
            return None, await self._write(upload.persisted_size)
        self._source.assert_unchanged()
        image = await self._begun.complete()
        return image, upload if image is not None else await self._begun.look()

    async def _write(self, offset: int) -> Upload:
        """Send the file from `offset` on, all of it."""
        return await self._wire.write(
            self._begun.id,
            self._blocks(offset),
            offset=offset,
            size=self._source.size,
            sha256=self._plan.sha256,
        )

    async def _blocks(self, offset: int) -> AsyncIterator[bytes]:
        async for block in self._source.blocks(offset, self._source.size):
            yield block
            self._meter.add(len(block))

    def _check(self, upload: Upload) -> None:
        if not 0 <= upload.persisted_size <= self._source.size:
            raise FailedPrecondition(
                Reason.UPLOAD_OFFSET_WRONG,
                f"the upload is said to have {upload.persisted_size} bytes "
                f"of a file that has {self._source.size}",
                metadata={
                    "expected": str(self._source.size),
                    "received": str(upload.persisted_size),
                },
            )


def _standstill(upload: Upload) -> Unavailable:
    return Unavailable(
        Reason.DEPENDENCY_UNAVAILABLE,
        f"the upload does not become a picture: {upload.persisted_size} bytes have come",
        metadata={"upload": upload.id},
        retry_after=0.0,
    )
