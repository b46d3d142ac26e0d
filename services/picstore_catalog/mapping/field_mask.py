"""Which fields an update changes."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from picstore_kit.errors import FieldViolation, InvalidFields

ALL = "*"


def masked_fields(
    mask: FieldMask, message: Message, *, changeable: AbstractSet[str]
) -> AbstractSet[str]:
    """Return the names of the fields that an update with `mask` changes.

    An empty mask means the changeable fields that are set, `*` means all changeable ones.

    Raises:
        InvalidFields: The mask names others.
    """
    if not mask.paths:
        return changeable & {field.name for field, _ in message.ListFields()}
    wrong = [path for path in mask.paths if path != ALL and path not in changeable]
    if wrong:
        choice = ", ".join(sorted(changeable))
        raise InvalidFields(
            [
                FieldViolation(
                    field="update_mask", description=f"names {path}; it can name {choice}"
                )
                for path in wrong
            ]
        )
    return changeable if ALL in mask.paths else frozenset(mask.paths)
