"""The use-case: give an upload up."""

from __future__ import annotations

from picstore_kit.errors import PicstoreError, Reason
from picstore_kit.ids import UploadId
from picstore_kit.pg.access import Access
from picstore_upload.sessions.clean import CleanUpload
from picstore_upload.sessions.leases import Leases
from picstore_upload.sessions.model import State
from picstore_upload.sessions.repo import Sessions


class DeleteUpload:
    """Ends uploads that nobody wants any more; nothing of them stays."""

    def __init__(self, *, sessions: Sessions, leases: Leases, clean: CleanUpload) -> None:
        self._sessions = sessions
        self._leases = leases
        self._clean = clean

    async def run(self, access: Access, upload_id: UploadId) -> None:
        """Give an upload up. A picture that it has become stays.

        Raises:
            NotFound, PermissionDenied: See `Sessions.fetch`.
            Aborted: Somebody completes it (UPLOAD_BUSY).
        """
        session = await self._sessions.fetch(access, upload_id)
        if session.state is not State.OPEN:
            if session.partial and session.state is State.COMPLETED:
                await self._sessions.give_up(access, [upload_id])
            return
        try:
            session = await self._leases.take(access, upload_id, completing=True)
        except PicstoreError as error:
            if error.reason in (Reason.UPLOAD_COMPLETED, Reason.UPLOAD_EXPIRED):
                return
            raise
        await self._sessions.end(session, State.EXPIRED)
        await self._clean.attempt(session)
        await self._sessions.forget(session)
