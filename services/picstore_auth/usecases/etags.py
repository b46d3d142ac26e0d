"""Changing only what the caller has seen."""

from __future__ import annotations

from picstore_auth.model.text import etag_of
from picstore_kit.errors import Aborted, Reason, Resource


def refuse_stale(etag: str, *, revision: int, kind: str, name: str) -> None:
    """Refuse an update that was made on another revision; an empty etag is for any.

    Raises:
        Aborted: ETAG_MISMATCH.
    """
    if etag and etag != etag_of(revision):
        raise Aborted(
            Reason.ETAG_MISMATCH,
            f"{name} has changed since it was read",
            metadata={"resource_name": name},
            resource=Resource(type=kind, name=name),
        )
