"""Calls about objects with revisions: from what a request says to what its answer is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol

from picstore_catalog.model.permission import Permission
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo.revisioned import ContentT, IdT, RevisionT, ValueT
from picstore_catalog.servicer.named_list import NamedListRequest, PagedRequest, named_page
from picstore_catalog.uow import AnswerT, RepeatableRequest, Transaction, UnitOfWork
from picstore_catalog.usecases.revisioned import RevisionedObjects
from picstore_kit.ids import new_id, parse_id
from picstore_kit.pg.access import Access
from picstore_kit.pg.paging import Page, Pager
from picstore_kit.rpc.auth import require_principal
from picstore_kit.violations import Violations, all_at_once


class ObjectMessage(Protocol):
    """An object as callers send it to have it changed."""

    @property
    def id(self) -> str:
        """Which one it is."""

    @property
    def etag(self) -> str:
        """Which version of it the caller saw; empty if that does not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionedCalls(Generic[IdT, ValueT, RevisionT, ContentT]):
    """Serves the calls about one kind of object."""

    work: UnitOfWork
    pager: Pager
    objects: RevisionedObjects[IdT, ValueT, RevisionT, ContentT]
    id_kind: Callable[[str], IdT]
    field: str
    """The field of requests that is an object, such as `overlay_template`."""
    write: Permission
    """What it takes to change one."""

    async def create(
        self,
        request: RepeatableRequest,
        read: Callable[[IdT, Violations], ValueT],
        *,
        answer: type[AnswerT],
        message: Callable[[Stored[ValueT]], AnswerT],
    ) -> AnswerT:
        """Make the object that `read` returns for a fresh id, once for one request."""
        access = Access.of(require_principal(), self.write)
        with all_at_once() as violations:
            value = read(new_id(self.id_kind), violations)

        async def create(transaction: Transaction) -> AnswerT:
            return message(await self.objects.create(transaction, access, value))

        return await self.work.once(
            access,
            method=f"Create{self._kind}",
            request=request,
            answer=answer,
            work=create,
        )

    async def fetch(self, object_id: str, revision: int) -> Stored[ValueT]:
        """Return an object at a revision, 0 for the current one."""
        access = Access.of(require_principal(), Permission.PROJECT_READ)
        with all_at_once() as violations:
            parsed = violations.id(self.id_kind, object_id, self._id_field)
            violations.add("revision", "must not be negative" if revision < 0 else None)
        async with self.work.begin(access.team_id) as transaction:
            return await self.objects.rows.fetch(
                transaction, access, parsed, revision=revision or None
            )

    async def find_page(self, request: NamedListRequest) -> Page[Stored[ValueT]]:
        """Return a page of objects, oldest first."""
        return await named_page(
            self.work,
            self.pager,
            request,
            method=f"List{self._kind}s",
            id_kind=self.id_kind,
            find_all=self.objects.rows.find_all,
        )

    async def update(
        self,
        message: ObjectMessage,
        read: Callable[[Violations], Callable[[ValueT], ValueT]],
    ) -> Stored[ValueT]:
        """Change the object that `message` names as `read` says."""
        access = Access.of(require_principal(), self.write)
        with all_at_once() as violations:
            object_id = violations.id(self.id_kind, message.id, f"{self.field}.id")
            change = read(violations)
        async with self.work.begin(access.team_id) as transaction:
            return await self.objects.update(
                transaction, access, object_id, change, etag=message.etag
            )

    async def delete(self, object_id: str, *, etag: str) -> None:
        """Delete an object."""
        access = Access.of(require_principal(), self.write)
        parsed = parse_id(self.id_kind, object_id, field=self._id_field)
        async with self.work.begin(access.team_id) as transaction:
            await self.objects.delete(transaction, access, parsed, etag=etag)

    async def find_revisions_page(self, object_id: str, request: PagedRequest) -> Page[RevisionT]:
        """Return a page of an object's revisions, newest first."""
        access = Access.of(require_principal(), Permission.PROJECT_READ)
        parsed = parse_id(self.id_kind, object_id, field=self._id_field)
        asked = self.pager.open(
            page_size=request.page_size,
            page_token=request.page_token,
            scope=(f"List{self._kind}Revisions", access.team_id, parsed),
        )
        async with self.work.begin(access.team_id) as transaction:
            found = await self.objects.list_revisions(
                transaction,
                access,
                parsed,
                before=int(asked.after[0]) if asked.after else None,
                limit=asked.limit,
            )
        return self.pager.close(asked, found, cursor=lambda kept: (str(kept.revision),))

    async def roll_back(self, object_id: str, revision: int, *, etag: str) -> Stored[ValueT]:
        """Make the content of an earlier revision the next one."""
        access = Access.of(require_principal(), self.write)
        with all_at_once() as violations:
            parsed = violations.id(self.id_kind, object_id, self._id_field)
            violations.add("revision", "must be 1 or more" if revision < 1 else None)
        async with self.work.begin(access.team_id) as transaction:
            return await self.objects.roll_back(transaction, access, parsed, revision, etag=etag)

    @property
    def _kind(self) -> str:
        return self.objects.rows.kind

    @property
    def _id_field(self) -> str:
        return f"{self.field}_id"
