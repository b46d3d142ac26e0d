"""Lists of what the caller may read in the whole team, by short name if one is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from picstore_catalog.model.names import short_name_fault
from picstore_catalog.model.permission import Permission
from picstore_catalog.model.stored import Stored
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_kit.pg.access import Access
from picstore_kit.pg.paging import Page, Pager
from picstore_kit.rpc.auth import require_principal
from picstore_kit.violations import all_at_once


class Identified(Protocol):
    """A value with an id."""

    @property
    def id(self) -> str:
        """Its id."""


IdT = TypeVar("IdT")
IdT_contra = TypeVar("IdT_contra", contravariant=True)
ValueT = TypeVar("ValueT", bound=Identified)


class PagedRequest(Protocol):
    """A request message for a page."""

    @property
    def page_size(self) -> int:
        """0 for the default."""

    @property
    def page_token(self) -> str:
        """Empty for the first page."""


class NamedListRequest(PagedRequest, Protocol):
    """A request message for a page of objects that have short names."""

    @property
    def short_name(self) -> str:
        """Empty for all of them."""


class FindAll(Protocol[IdT_contra, ValueT]):
    """Finds objects that the caller may read, by id, from behind `after`."""

    async def __call__(
        self,
        conn: Transaction,
        access: Access,
        /,
        *,
        short_name: str,
        after: IdT_contra | None,
        limit: int,
    ) -> list[Stored[ValueT]]:
        """Return `limit` of them at the most."""


async def named_page(
    work: UnitOfWork,
    pager: Pager,
    request: NamedListRequest,
    *,
    method: str,
    id_kind: Callable[[str], IdT],
    find_all: FindAll[IdT, ValueT],
) -> Page[Stored[ValueT]]:
    """Return a page of objects, oldest first; page tokens are good for the same `method` only.

    Raises:
        PermissionDenied: The caller may read nothing in the team.
        InvalidFields: The short name or the page size is wrong.
        InvalidArgument: The page token is of another list (PAGE_TOKEN_INVALID).
    """
    access = Access.of(require_principal(), Permission.PROJECT_READ)
    access.require_somewhere()
    if request.short_name:
        with all_at_once() as violations:
            violations.add("short_name", short_name_fault(request.short_name))
    asked = pager.open(
        page_size=request.page_size,
        page_token=request.page_token,
        scope=(method, access.team_id, request.short_name),
    )
    async with work.begin(access.team_id) as transaction:
        found = await find_all(
            transaction,
            access,
            short_name=request.short_name,
            after=id_kind(asked.after[0]) if asked.after else None,
            limit=asked.limit,
        )
    return pager.close(asked, found, cursor=lambda stored: (stored.value.id,))
