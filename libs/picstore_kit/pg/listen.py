"""Notifications from Postgres, as a hint that polling would find something now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from psycopg import AsyncConnection, OperationalError, sql

RECONNECT_S: Final = 1.0
"""Pause before a lost connection is opened anew."""

log = structlog.get_logger(__name__)


async def listen(conninfo: str, channel: str, wake: Callable[[], None]) -> None:
    """Call `wake` for every notification on `channel`, on a connection of its own, for ever.

    Also after every (re)connect, as notifications sent in between are lost: they are never the
    truth, only a reason to look.
    """
    while True:
        try:
            async with await AsyncConnection.connect(conninfo, autocommit=True) as conn:
                await conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                wake()
                async for _ in conn.notifies():
                    wake()
        except OperationalError as error:
            log.warning("listen.lost", channel=channel, error=type(error).__name__)
        await asyncio.sleep(RECONNECT_S)
