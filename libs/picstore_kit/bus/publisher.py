"""Publishing to JetStream, certain that the message was stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import nats.errors
from nats.js.api import Header
from nats.js.errors import APIError, NoStreamResponseError

from picstore_kit.bus.connection import Bus
from picstore_kit.errors import InvalidArgument, Reason, Unavailable
from picstore_kit.telemetry import inject

_STREAM_IS_FULL: Final = 10077
"""JetStream's error code when `discard=new` refuses a message."""


class Publisher:
    """Publishes through a `Bus`, and declares the streams again where they have vanished."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def publish(
        self, subject: str, payload: bytes, *, headers: Mapping[str, str], msg_id: str | None
    ) -> None:
        """Return once the broker has stored the message.

        The same `msg_id` within the stream's duplicate window is stored once. The current trace
        goes along unless `headers` carry one.

        Raises:
            InvalidArgument: The message is larger than the broker takes.
            Unavailable: It is not certain that the message was stored; publish it again.
        """
        sent = dict(headers)
        inject(sent)
        if msg_id is not None:
            sent[Header.MSG_ID.value] = msg_id
        try:
            async with asyncio.timeout(self._bus.publish_timeout_s):
                await self._bus.connected()
                await self._publish(subject, payload, sent)
        except nats.errors.MaxPayloadError as error:
            raise InvalidArgument(
                Reason.LIMIT_BYTES,
                f"a message of {len(payload)} bytes is larger than the broker takes",
            ) from error
        except APIError as error:
            full = error.err_code == _STREAM_IS_FULL
            raise Unavailable(
                Reason.OVERLOADED if full else Reason.DEPENDENCY_UNAVAILABLE,
                "the message queue is full" if full else "the message broker refused a message",
            ) from error
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise Unavailable(
                Reason.DEPENDENCY_UNAVAILABLE, "the message broker did not confirm a message"
            ) from error

    async def _publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        timeout = self._bus.publish_timeout_s
        try:
            await self._bus.js.publish(subject, payload, headers=headers, timeout=timeout)
        except NoStreamResponseError:
            await self._bus.restore_topology()
            await self._bus.js.publish(subject, payload, headers=headers, timeout=timeout)
