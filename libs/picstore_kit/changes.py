"""What applying a bootstrap document did, object by object and field by field. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto


class Action(Enum):
    """What happened to an object."""

    UNCHANGED = auto()
    CREATED = auto()
    UPDATED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One difference, as text without secrets; the old one is empty for a new object."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened to one object of the document."""

    kind: str
    name: str
    action: Action
    fields: tuple[FieldChange, ...] = ()

    @classmethod
    def between(
        cls, kind: str, name: str, before: Mapping[str, str] | None, after: Mapping[str, str]
    ) -> Change:
        """Compare an object's descriptions; `before` is None for a new one."""
        fields = differences(before or {}, after)
        return cls(kind=kind, name=name, action=action_of(before, fields), fields=fields)


def action_of(before: object, fields: tuple[FieldChange, ...]) -> Action:
    """Say what happened to an object that was `before` and differs in `fields`."""
    if before is None:
        return Action.CREATED
    return Action.UPDATED if fields else Action.UNCHANGED


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[FieldChange, ...]:
    """Compare two descriptions of an object field by field; a missing field is an empty one."""
    return tuple(
        FieldChange(field=field, old=old.get(field, ""), new=new.get(field, ""))
        for field in {**old, **new}
        if old.get(field, "") != new.get(field, "")
    )
