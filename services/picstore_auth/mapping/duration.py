"""Spans of time."""

from __future__ import annotations

from datetime import timedelta

from google.protobuf.duration_pb2 import Duration


def duration_from(message: Duration) -> timedelta | None:
    """Read a span of time; None if it is longer than anything here can be."""
    try:
        return message.ToTimedelta()
    except (ValueError, OverflowError):
        return None
