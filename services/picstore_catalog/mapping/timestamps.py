"""Points in time."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(moment: datetime) -> Timestamp:
    """Return `moment`, which has a time zone, as the wire has it."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message
