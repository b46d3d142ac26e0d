"""The use-case: make an upload whose bytes come later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import structlog

from picstore_imaging.limits import Limits
from picstore_kit.errors import FailedPrecondition, InvalidField, Reason
from picstore_kit.ids import UploadId, new_id
from picstore_kit.pg.access import Access
from picstore_upload.model import Destination, UploadHeader, check_declared, tightened
from picstore_upload.ports import Catalog, Stores
from picstore_upload.sessions.model import (
    PRESIGNED,
    Method,
    Session,
    State,
    incoming_prefix,
)
from picstore_upload.sessions.progress import Progress
from picstore_upload.sessions.repo import Sessions
from picstore_upload.sessions.signing import SignRequests

log = structlog.get_logger(__name__)

_OCTETS: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUpload:
    """What somebody wants to upload, checked as far as it can be by itself."""

    header: UploadHeader
    method: Method
    sha256: str
    note: str
    partial: bool
    concat: tuple[UploadId, ...]


class CreateUpload:
    """Makes uploads; their rows come before anything is stored."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        progress: Progress,
        catalog: Catalog,
        stores: Stores,
        sign: SignRequests,
        limits: Limits,
        ttl_s: float,
    ) -> None:
        self._sessions = sessions
        self._progress = progress
        self._catalog = catalog
        self._stores = stores
        self._sign = sign
        self._limits = limits
        self._ttl_s = ttl_s

    async def run(
        self, access: Access, new: NewUpload, *, request_id: str, request: bytes
    ) -> Session:
        """Make an upload; with a `request_id` that was used before, return the one made then.

        Raises:
            PicstoreError: The picture may not come, or not this way.
        """
        known = await self._sessions.find_request(access, request_id=request_id, request=request)
        if known is not None:
            return await self._begun(access, known)
        destination = await self._catalog.resolve(new.header)
        limits = tightened(self._limits, destination)
        if new.concat:
            new = await self._joined(access, new, destination)
        check_declared(new.header, max_bytes=limits.bytes)
        store = await self._stores.open(destination.location_id)
        if new.method in PRESIGNED:
            await self._sign.probe(store)
        session = _session(access, new, destination)
        made = await self._sessions.insert(
            session, access, request_id=request_id, request=request, ttl_s=self._ttl_s
        )
        log.info("upload.created", upload=made, method=new.method.value)
        return await self._begun(access, made)

    async def _begun(self, access: Access, upload_id: UploadId) -> Session:
        """Return an upload that parts can be sent to, if that is how its bytes come."""
        session = await self._sessions.fetch(access, upload_id)
        if (
            session.method is not Method.MULTIPART
            or session.store_upload_id is not None
            or session.state is not State.OPEN
        ):
            return session
        store = await self._stores.open(session.destination.location_id)
        key = session.destination.object_key
        begun = await store.begin_multipart(
            key, content_type=session.header.content_type or _OCTETS
        )
        recorded = await self._progress.begun(session, begun)
        if recorded != begun:  # the same request, sent twice at once
            await store.abort_multipart(key, begun)
        return replace(session, store_upload_id=recorded)

    async def _joined(self, access: Access, new: NewUpload, destination: Destination) -> NewUpload:
        """Look at the uploads that the new one consists of, and add up their bytes."""
        total = 0
        for upload_id in new.concat:
            part = await self._sessions.fetch(access, upload_id)
            if not part.partial or part.project_id != destination.project_id:
                raise InvalidField(
                    "upload.concat_upload_ids", "must be partial uploads of the same project"
                )
            if part.destination.location_id != destination.location_id:
                raise InvalidField(
                    "upload.concat_upload_ids", "must be uploads by the same upload profile"
                )
            if part.state is not State.COMPLETED:
                raise FailedPrecondition(
                    Reason.STATE_WRONG,
                    f"the partial upload {upload_id} has not come whole",
                    metadata={"upload": upload_id, "state": part.state.value},
                )
            total += part.persisted_size
        if new.header.size_bytes not in (None, total):
            raise InvalidField("upload.size_bytes", "must be the sum of the partial uploads")
        return replace(new, header=replace(new.header, size_bytes=total))


def _session(access: Access, new: NewUpload, destination: Destination) -> Session:
    upload_id = new_id(UploadId)
    if new.partial:
        destination = replace(destination, object_key=f"{incoming_prefix(upload_id)}file")
    now = datetime.now(UTC)  # what counts are the database's times, which a row gets
    return Session(
        id=upload_id,
        team_id=access.team_id,
        project_id=destination.project_id,
        method=new.method,
        header=new.header,
        destination=destination,
        sha256=new.sha256,
        note=new.note,
        partial=new.partial,
        concat=new.concat,
        size_bytes=new.header.size_bytes,
        state=State.OPEN,
        failure_reason="",
        failure_message="",
        result=None,
        persisted_size=0,
        store_upload_id=None,
        tail_key=None,
        tail_size=0,
        epoch=0,
        signed_until=None,
        cleaned=False,
        created_at=now,
        expires_at=now,
    )
