"""The presigned requests of an upload whose bytes go to the store directly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from picstore_imaging.limits import Limits
from picstore_kit.blobs.base import BlobNotFound, BlobStore, PresignedRequest
from picstore_upload.model import tightened
from picstore_upload.ports import Stores
from picstore_upload.sessions.model import PRESIGNED, Method, Session, slices
from picstore_upload.sessions.repo import Sessions

_OCTETS: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A request, and which bytes it is for."""

    request: PresignedRequest
    part_number: int
    """0 if it is for all of the file."""
    offset: int
    size: int
    """0 where the request does not fix it."""
    expire_time: datetime


class SignRequests:
    """Signs what is missing of an upload, for a while."""

    def __init__(
        self, *, sessions: Sessions, stores: Stores, limits: Limits, expires_s: int
    ) -> None:
        self._sessions = sessions
        self._stores = stores
        self._limits = limits
        self._expires_s = expires_s

    async def probe(self, store: BlobStore) -> None:
        """Find out whether a store has presigned requests at all.

        Raises:
            FailedPrecondition: It has none (PRESIGN_UNSUPPORTED).
        """
        await store.presign_get("incoming/probe", expires_s=1)

    async def run(self, session: Session) -> Sequence[SignedRequest]:
        """Return the requests; none for an upload whose bytes come through us.

        Raises:
            PicstoreError: The store does not answer, or has no presigned requests.
        """
        if session.method not in PRESIGNED:
            return []
        store = await self._stores.open(session.destination.location_id)
        # Written down before they are handed out: what they bring is looked for until then.
        until = await self._sessions.signed(session, seconds=self._expires_s)
        content_type = session.header.content_type or _OCTETS
        match session.method:
            case Method.PUT:
                assert session.size_bytes is not None  # checked when it was made
                request = await store.presign_put(
                    session.incoming_key,
                    expires_s=self._expires_s,
                    content_type=content_type,
                    size=session.size_bytes,
                    sha256=session.sha256 or None,
                )
                return [_whole(request, session.size_bytes, until)]
            case Method.POST:
                size = session.size_bytes
                limit = tightened(self._limits, session.destination).bytes
                request = await store.presign_post(
                    session.incoming_key,
                    expires_s=self._expires_s,
                    content_type=content_type,
                    min_size=size or 1,
                    max_size=size or limit,
                )
                return [_whole(request, size or 0, until)]
            case _:
                return await self._parts(session, store, until)

    async def _parts(
        self, session: Session, store: BlobStore, until: datetime
    ) -> Sequence[SignedRequest]:
        if session.store_upload_id is None or session.size_bytes is None:
            return []
        key = session.destination.object_key
        try:
            there = await store.list_parts(key, session.store_upload_id)
        except BlobNotFound:
            return []
        sizes = {part.number: part.size for part in there}
        return [
            SignedRequest(
                request=await store.presign_part(
                    key,
                    session.store_upload_id,
                    piece.number,
                    size=piece.size,
                    expires_s=self._expires_s,
                ),
                part_number=piece.number,
                offset=piece.offset,
                size=piece.size,
                expire_time=until,
            )
            for piece in slices(session.size_bytes)
            if sizes.get(piece.number) != piece.size
        ]


def _whole(request: PresignedRequest, size: int, until: datetime) -> SignedRequest:
    return SignedRequest(request=request, part_number=0, offset=0, size=size, expire_time=until)
