"""Refuses requests without the fields that are `(google.api.field_behavior) = REQUIRED`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Final

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from picstore_kit.errors import FieldViolation, InvalidFields
from picstore_kit.rpc.call import Call

_UPDATE_MASK: Final = "update_mask"


class RequiredFields:
    """Checks every request message, those within it, and those of a stream."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Have requests checked before the handler sees them."""
        call.request_checks.append(check_required_fields)
        yield


def check_required_fields(message: Message) -> None:
    """Check that required fields are set: not absent, not empty, not zero.

    Raises:
        InvalidFields: Some are not; all of them are named by their paths.
    """
    missing = [
        FieldViolation(field=path, description="is required") for path in _missing(message, "")
    ]
    if missing:
        raise InvalidFields(missing)


def _missing(message: Message, prefix: str, *, partial: bool = False) -> Iterator[str]:
    present = {field.name for field, _ in message.ListFields()}
    for name in _required(message.DESCRIPTOR):
        if name not in present and not partial:
            yield prefix + name
    # An update carries only what it changes of its resource, and of the messages within: masks name
    # fields such as `s3.region`. No mask reaches into a list; its items are whole.
    updates = partial or _UPDATE_MASK in message.DESCRIPTOR.fields_by_name
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        if field.is_repeated:
            for index, item in enumerate(value):
                yield from _missing(item, f"{prefix}{field.name}[{index}].")
        else:
            yield from _missing(value, f"{prefix}{field.name}.", partial=updates)


@cache
def _required(descriptor: Descriptor) -> tuple[str, ...]:
    return tuple(
        field.name
        for field in descriptor.fields
        if field_behavior_pb2.REQUIRED
        in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    )
