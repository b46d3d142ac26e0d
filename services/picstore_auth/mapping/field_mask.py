"""Which fields an update changes."""

from __future__ import annotations

from collections.abc import Collection

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from picstore_kit.violations import Violations

_ALL_FIELDS = "*"


def masked_fields(
    message: Message, mask: FieldMask, changeable: Collection[str], violations: Violations
) -> frozenset[str]:
    """Return the fields to change: those of the mask, or without one those that are set."""
    if not mask.paths:
        present = {field.name for field, _ in message.ListFields()}
        return frozenset(present.intersection(changeable))
    if list(mask.paths) == [_ALL_FIELDS]:
        return frozenset(changeable)
    for index, path in enumerate(mask.paths):
        if path not in changeable:
            violations.add(f"update_mask.paths[{index}]", f"must be one of {', '.join(changeable)}")
    return frozenset(mask.paths)
