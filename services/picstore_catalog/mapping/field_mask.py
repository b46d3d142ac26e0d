"""Which fields an update changes."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from picstore_kit.violations import Violations, all_at_once

ALL = "*"


def masked_fields(
    mask: FieldMask, message: Message, *, changeable: AbstractSet[str]
) -> AbstractSet[str]:
    """Return the names of the fields that an update with `mask` changes.

    Raises:
        InvalidFields: The mask names others than `changeable` ones.
    """
    with all_at_once() as violations:
        fields = read_mask(mask, message, violations, changeable=changeable)
    return fields


def read_mask(
    mask: FieldMask, message: Message, violations: Violations, *, changeable: AbstractSet[str]
) -> AbstractSet[str]:
    """Return the names of the fields that an update with `mask` changes; others are noted as wrong.

    An empty mask means the changeable fields that are set, `*` means all changeable ones.
    """
    if not mask.paths:
        return changeable & {field.name for field, _ in message.ListFields()}
    choice = ", ".join(sorted(changeable))
    for path in mask.paths:
        if path != ALL and path not in changeable:
            violations.add("update_mask", f"names {path}; it can name {choice}")
    return changeable if ALL in mask.paths else changeable & set(mask.paths)
