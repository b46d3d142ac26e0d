"""The kinds of object that a person administers, and how each is found by the name they write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from picstore_client import PicStoreClient
from picstore_client.method import ItemT, ListMethod, Method
from picstore_kit.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Noun(Generic[ItemT]):
    """A kind of object."""

    title: str
    """For people, such as `storage location`."""
    type: str
    """As errors name it, such as `StorageLocation`."""
    prefix: str
    """What its ids begin with, such as `loc_`."""
    id_field: str
    """The field of requests that takes the id, such as `storage_location_id`."""
    get: Method[Any, ItemT] | None
    """Returns one; None where that can't be asked for."""
    list: ListMethod[Any, Any, ItemT]
    """Lists them."""
    delete: Method[Any, Any] | None = None
    """Deletes one; None where that can't be done."""
    key: str = ""
    """The field that people know one by and that lists filter on; empty where they know the id."""
    in_project: bool = False
    """Whether lists, and so names, are those of one project."""
    columns: Sequence[tuple[str, Callable[[ItemT], str]]]
    """The columns of its tables."""

    def list_request(self, project_id: str = "", **fields: Any) -> Any:
        """Return a request for a list."""
        return self.list.request(
            **({"project_id": project_id} if self.in_project else {}), **fields
        )

    async def id_of(self, client: PicStoreClient, name: str, *, project_id: str = "") -> str:
        """Return the id of what a person names by id or name.

        Raises:
            NotFound: Nothing that the caller may see has this name.
        """
        if not self.key or name.startswith(self.prefix):
            return name
        request = self.list_request(project_id, **{self.key: name})
        async for item in client.pages(self.list, request, limit=1):
            return str(getattr(item, "id"))  # noqa: B009 - every object has one
        raise NotFound.of(self.type, name)

    async def find(self, client: PicStoreClient, name: str, *, project_id: str = "") -> ItemT:
        """Return what a person names by id or name.

        Raises:
            NotFound: Nothing that the caller may see has this name.
        """
        assert self.get is not None, f"one {self.title} can't be asked for"
        found = await self.id_of(client, name, project_id=project_id)
        return await client.call(self.get, self.get.request(**{self.id_field: found}))
