"""Values as the database keeps them: with a version that every change counts up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from picstore_kit.errors import Aborted, Reason, Resource

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored(Generic[ValueT]):
    """A value, and which version of it this is."""

    value: ValueT
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def etag(self) -> str:
        """The version as callers see it."""
        return str(self.version)

    def require_etag(self, etag: str, *, resource: Resource) -> None:
        """Refuse a change of another version than this; an empty `etag` asks for no check.

        Raises:
            Aborted: The object has changed since the caller read it (ETAG_MISMATCH).
        """
        if etag and etag != self.etag:
            raise Aborted(
                Reason.ETAG_MISMATCH,
                f"{resource.name} has changed since it was read; read it again",
                metadata={"resource_name": resource.name},
                resource=resource,
            )
