"""What is left of an upload that is over: nothing but a picture's original."""

from __future__ import annotations

import structlog

from picstore.catalog.v1.image_pb2 import Image
from picstore_kit.errors import PicstoreError
from picstore_upload.ports import Commits, Stores
from picstore_upload.sessions.model import Session, State, incoming_prefix
from picstore_upload.sessions.repo import Sessions

log = structlog.get_logger(__name__)


class CleanUpload:
    """Removes what an upload has stored and nobody needs; doing it twice does no harm."""

    def __init__(self, *, sessions: Sessions, commits: Commits, stores: Stores) -> None:
        self._sessions = sessions
        self._commits = commits
        self._stores = stores

    async def run(self, session: Session) -> None:
        """Clean up behind an upload that has ended, and whose lease is held.

        Raises:
            PicstoreError: Something does not answer; the sweeper comes back to it.
        """
        place = session.destination
        store = await self._stores.open(place.location_id)
        # Whatever this process believes: what is an original stays.
        kept = await self._commits.find_original(place.location_id, place.object_key)
        if kept is None:
            await store.discard(place.object_key)
        else:
            await store.abort_unfinished(place.object_key)
        left = [key async for key in store.list(incoming_prefix(session.id))]
        for key in {session.incoming_key, *left}:
            await store.discard(key)
        await self._sessions.cleaned(session)
        log.info("upload.cleaned", upload=session.id, state=session.state.value, image=kept)

    async def attempt(self, session: Session) -> None:
        """Clean up now if that can be; otherwise the sweeper does."""
        try:
            await self.run(session)
        except PicstoreError as error:
            log.warning("upload.left_to_sweeper", upload=session.id, reason=error.reason)

    async def sweep(self, session: Session) -> None:
        """Do what is due: end the upload, clean up behind it, or forget it.

        Raises:
            PicstoreError: Something does not answer.
        """
        if session.state is State.OPEN:
            # A commit that was never answered may have gone through.
            image = await self._commits.find_commit(session.id)
            if image is None:
                await self._sessions.end(session, State.EXPIRED)
            else:
                result = Image(id=image).SerializeToString()
                await self._sessions.end(session, State.COMPLETED, result=result)
            await self.run(session)
        elif session.partial and session.state is State.COMPLETED:
            await self._sessions.end(session, State.EXPIRED)
            await self.run(session)
        elif not session.cleaned:
            await self.run(session)
        else:
            await self._sessions.forget(session)
