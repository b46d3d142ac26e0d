"""Refusing to delete what something else still needs, and saying what that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from picstore_kit.errors import FailedPrecondition, Reason, Resource

NAMED: Final = 10
"""How many users of an object an error names; the rest it counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Objects of one kind that need another object."""

    what: str
    """For people, in the plural: `upload profiles`."""
    ids: Sequence[str]
    """Some of them, `NAMED` at most."""
    count: int
    """How many there are."""


def refuse_in_use(resource: Resource, usages: Sequence[Usage]) -> None:
    """Refuse if anything uses the resource.

    Raises:
        FailedPrecondition: RESOURCE_IN_USE; its metadata names users and says how many there are.
    """
    found = [usage for usage in usages if usage.count]
    if not found:
        return
    names = [name for usage in found for name in usage.ids]
    kinds = " and ".join(f"{usage.what} ({usage.count})" for usage in found)
    raise FailedPrecondition(
        Reason.RESOURCE_IN_USE,
        f"{resource.name} is still used by {kinds}; delete or change those first",
        metadata={
            "resource_type": resource.type,
            "resource_name": resource.name,
            "used_by": ",".join(names[:NAMED]),
            "used_by_count": str(sum(usage.count for usage in found)),
        },
        resource=resource,
    )
