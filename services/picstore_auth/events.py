"""The facts that auth tells the others, by way of its outbox."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore.events.v1.event_pb2 import Event, KeyRevoked
from picstore_kit.ids import TeamId
from picstore_kit.pg import outbox

KEY_REVOKED: Final = "picstore.event.key.revoked"

_IDS_PER_EVENT: Final = 1000
"""Keeps an event well below the bus's limit of 1 MiB for a message."""


async def tell_revoked(
    conn: AsyncConnection[TupleRow], team_id: TeamId, credential_ids: Sequence[str]
) -> None:
    """Have every cache forget what it knows of these keys and sessions, once this commits."""
    for start in range(0, len(credential_ids), _IDS_PER_EVENT):
        event = Event(
            event_id=str(uuid.uuid4()),
            team_id=team_id,
            key_revoked=KeyRevoked(key_ids=credential_ids[start : start + _IDS_PER_EVENT]),
        )
        event.event_time.FromDatetime(datetime.now(UTC))
        await outbox.add(
            conn,
            subject=KEY_REVOKED,
            payload=event.SerializeToString(),
            headers={},
            msg_id=event.event_id,
        )
