"""Points in time."""

from __future__ import annotations

import math
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(moment: datetime) -> Timestamp:
    """Return `moment`, which has a time zone, as the wire has it."""
    # Several times as fast as FromDatetime, which a list of pictures calls for thousands of times.
    return Timestamp(seconds=math.floor(moment.timestamp()), nanos=moment.microsecond * 1000)
