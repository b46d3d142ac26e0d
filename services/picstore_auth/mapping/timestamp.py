"""Moments."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from picstore_kit.violations import Violations


def optional_time_from(
    message: Message, name: str, path: str, violations: Violations
) -> datetime | None:
    """Read a timestamp that may be absent; to the microsecond, as Postgres keeps it."""
    if not message.HasField(name):
        return None
    timestamp: Timestamp = getattr(message, name)
    try:
        return timestamp.ToDatetime(UTC)
    except (ValueError, OverflowError):
        violations.add(path, "must be a time between the years 1 and 9999")
        return None


def timestamp_message(time: datetime) -> Timestamp:
    """Write a moment."""
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp


def optional_timestamp(time: datetime | None) -> Timestamp | None:
    """Write a moment that there may not have been."""
    return timestamp_message(time) if time is not None else None
