"""Making, changing and deleting objects with revisions, and going back to what one was before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from picstore_catalog.model.stored import Stored
from picstore_catalog.repo import project as projects
from picstore_catalog.repo.revisioned import ContentT, IdT, RevisionedRows, RevisionT, ValueT
from picstore_catalog.uow import Transaction
from picstore_kit import audit
from picstore_kit.changes import differences
from picstore_kit.pg.access import Access
from picstore_kit.usage import Usage, refuse_in_use


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionedObjects(Generic[IdT, ValueT, RevisionT, ContentT]):
    """What can be done with the objects of one kind."""

    rows: RevisionedRows[IdT, ValueT, RevisionT, ContentT]
    with_content: Callable[[ValueT, ContentT], ValueT]
    """Returns an object with another content."""
    describe: Callable[[ValueT], Mapping[str, str]]
    """Says in words what an object is, for the audit log."""
    find_usages: Callable[[Transaction, Access, IdT], Awaitable[Sequence[Usage]]]
    """Returns what cannot do without an object; it stays so while the object is locked."""

    async def create(
        self, transaction: Transaction, access: Access, value: ValueT
    ) -> Stored[ValueT]:
        """Make an object with its first revision, for one project or for all of the team's.

        Raises:
            NotFound, PermissionDenied: The caller may not, in this project.
            AlreadyExists: The short name is taken.
        """
        if value.project_id is not None:
            await projects.fetch(transaction, access, value.project_id)
        made = await self.rows.insert(transaction, access, value)
        await self._record(transaction, access, made.value, {}, self.describe(made.value))
        return made

    async def update(
        self,
        transaction: Transaction,
        access: Access,
        object_id: IdT,
        change: Callable[[ValueT], ValueT],
        *,
        etag: str,
    ) -> Stored[ValueT]:
        """Change an object; its content, if that differs, becomes the next revision.

        Raises:
            NotFound, PermissionDenied: The caller may not.
            InvalidFields: `change` finds that a new value does not go with one that stays.
            Aborted: It has changed since the caller saw it (ETAG_MISMATCH).
        """
        seen = await self.rows.fetch(transaction, access, object_id)
        seen.require_etag(etag, resource=self.rows.resource(object_id))
        return await self._change(transaction, access, seen, change(seen.value))

    async def roll_back(
        self,
        transaction: Transaction,
        access: Access,
        object_id: IdT,
        revision: int,
        *,
        etag: str,
    ) -> Stored[ValueT]:
        """Make the content of an earlier revision the next one; if it is current, nothing changes.

        Raises:
            NotFound, PermissionDenied: The caller may not, or there is no such revision.
            Aborted: The object has changed since the caller saw it (ETAG_MISMATCH).
        """
        seen = await self.rows.fetch(transaction, access, object_id)
        seen.require_etag(etag, resource=self.rows.resource(object_id))
        earlier = await self.rows.fetch(transaction, access, object_id, revision=revision)
        wanted = self.with_content(seen.value, self.rows.content(earlier.value))
        return await self._change(transaction, access, seen, wanted)

    async def delete(
        self, transaction: Transaction, access: Access, object_id: IdT, *, etag: str
    ) -> None:
        """Delete an object that nothing uses, with all of its revisions.

        Raises:
            NotFound, PermissionDenied: The caller may not.
            Aborted: It has changed since the caller saw it (ETAG_MISMATCH).
            FailedPrecondition: Something uses it (RESOURCE_IN_USE).
        """
        resource = self.rows.resource(object_id)
        seen = await self.rows.fetch(transaction, access, object_id, lock=True)
        seen.require_etag(etag, resource=resource)
        refuse_in_use(resource, await self.find_usages(transaction, access, object_id))
        await self.rows.delete(transaction, access, object_id)
        await self._record(transaction, access, seen.value, self.describe(seen.value), {})

    async def list_revisions(
        self,
        transaction: Transaction,
        access: Access,
        object_id: IdT,
        *,
        before: int | None,
        limit: int,
    ) -> list[RevisionT]:
        """Return an object's revisions, newest first, from below `before`.

        Raises:
            NotFound, PermissionDenied: The caller may not see the object.
        """
        await self.rows.fetch(transaction, access, object_id)
        return await self.rows.find_revisions(
            transaction, access, object_id, before=before, limit=limit
        )

    async def _change(
        self, transaction: Transaction, access: Access, seen: Stored[ValueT], wanted: ValueT
    ) -> Stored[ValueT]:
        if wanted == seen.value:
            return seen
        updated = await self.rows.update(transaction, access, seen, wanted)
        await self._record(
            transaction,
            access,
            updated.value,
            self.describe(seen.value),
            self.describe(updated.value),
        )
        return updated

    async def _record(
        self,
        transaction: Transaction,
        access: Access,
        value: ValueT,
        before: Mapping[str, str],
        after: Mapping[str, str],
    ) -> None:
        await audit.record(
            transaction,
            team_id=access.team_id,
            resource_type=self.rows.kind,
            resource_id=value.id,
            project_id=value.project_id,
            changes=differences(before, after),
        )
