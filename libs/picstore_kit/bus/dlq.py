"""Dead letters: jobs that no delivery could settle, kept with the reason until somebody decides.

A worker buries what it terminates. What runs out of deliveries stays in the work queue for ever,
unseen, and only an advisory tells of it: the keeper acts on those.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from picstore_kit.bus import topology
from picstore_kit.bus.connection import Bus
from picstore_kit.bus.publisher import Publisher
from picstore_kit.bus.pull import PullBroken, Pulls
from picstore_kit.errors import PicstoreError

log = structlog.get_logger(__name__)

REASON_HEADER: Final = "Picstore-Dead-Reason"
SUBJECT_HEADER: Final = "Picstore-Dead-Subject"
DELIVERIES_HEADER: Final = "Picstore-Dead-Deliveries"

_JOB_PREFIX: Final = "picstore.job."
_DEAD_PREFIX: Final = "picstore.dlq."
_NATS_PREFIX: Final = "nats-"
_LINGER_S: Final = 30.0
_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One message that could not be settled."""

    sequence: int
    """Its number among the dead letters."""
    subject: str
    """Where it was published, and where a replay publishes it again."""
    payload: bytes
    headers: Mapping[str, str]
    reason: str
    deliveries: int

    @classmethod
    def read(cls, stored: RawStreamMsg) -> Self:
        """Read one as the broker stores it."""
        headers = dict(stored.headers or {})
        return cls(
            sequence=stored.seq or 0,
            reason=headers.pop(REASON_HEADER, ""),
            subject=headers.pop(SUBJECT_HEADER, ""),
            deliveries=int(headers.pop(DELIVERIES_HEADER, "0")),
            headers=_own(headers),
            payload=stored.data or b"",
        )


async def bury(
    publisher: Publisher,
    *,
    subject: str,
    payload: bytes,
    headers: Mapping[str, str],
    reason: str,
    deliveries: int,
    sequence: int,
) -> None:
    """Copy a job's message, number `sequence` of the work queue, to the dead letters.

    Raises:
        Unavailable: It is not certain that the copy was stored.
    """
    await publisher.publish(
        _DEAD_PREFIX + subject.removeprefix(_JOB_PREFIX),
        payload,
        headers={
            **_own(headers),
            REASON_HEADER: " ".join(reason.split()),
            SUBJECT_HEADER: subject,
            DELIVERIES_HEADER: str(deliveries),
        },
        msg_id=f"dead.{sequence}",
    )
    log.warning("dlq.buried", subject=subject, reason=reason, deliveries=deliveries)


class DeadLetterKeeper:
    """Moves jobs that ran out of deliveries from the work queue to the dead letters.

    Any number of keepers share the work.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._publisher = Publisher(bus)

    async def run(self) -> None:
        """Keep until cancelled, outliving restarts of the broker and the loss of its store."""
        while True:
            await self._bus.connected()
            try:
                await self._keep_all()
            except (PullBroken, nats.errors.Error, OSError, TimeoutError, PicstoreError) as error:
                log.warning("dlq.interrupted", error=str(error) or type(error).__name__)
                await asyncio.sleep(_PAUSE_S)
                await self._restore()

    async def _keep_all(self) -> None:
        consumer = topology.DEAD_LETTER_CONSUMER
        async with Pulls(self._bus, stream=topology.ADVISORY, release=_hand_back) as pulls:
            while True:
                if not pulls.outstanding(consumer):
                    await pulls.ask(consumer, batch=1, linger_s=_LINGER_S)
                arrival = await pulls.next()
                if arrival is not None and arrival.message is not None:
                    await self._keep(arrival.message)

    async def _keep(self, advisory: Msg) -> None:
        told = json.loads(advisory.data)
        sequence = int(told["stream_seq"])
        deliveries = int(told["deliveries"])
        try:
            stored = await self._bus.js.get_msg(topology.JOBS, seq=sequence)
        except NotFoundError:
            log.info("dlq.already_gone", sequence=sequence)
        else:
            await bury(
                self._publisher,
                subject=stored.subject or "",
                payload=stored.data or b"",
                headers=stored.headers or {},
                reason=f"not settled in {deliveries} deliveries",
                deliveries=deliveries,
                sequence=sequence,
            )
            await self._bus.js.delete_msg(topology.JOBS, sequence)
        await advisory.ack_sync(timeout=self._bus.publish_timeout_s)

    async def _restore(self) -> None:
        try:
            await self._bus.restore_topology()
        except (nats.errors.Error, OSError, TimeoutError) as error:
            log.warning("dlq.restore_failed", error=str(error) or type(error).__name__)


async def dead_letters(bus: Bus) -> AsyncIterator[DeadLetter]:
    """Yield every dead letter, oldest first.

    Raises:
        nats.errors.Error: The broker failed or did not answer.
    """
    sequence = 1
    while True:
        try:
            stored = await bus.js.get_msg(
                topology.DLQ, seq=sequence, subject=_DEAD_PREFIX + ">", next=True
            )
        except NotFoundError:
            return
        letter = DeadLetter.read(stored)
        yield letter
        sequence = letter.sequence + 1


async def replay(bus: Bus, publisher: Publisher, letter: DeadLetter) -> None:
    """Publish `letter` where it came from, and strike it from the dead letters.

    Raises:
        Unavailable: It is not certain that it was published; it is still a dead letter.
        nats.errors.Error: It was published, but is still a dead letter.
    """
    await publisher.publish(
        letter.subject,
        letter.payload,
        headers=letter.headers,
        msg_id=f"replay.{letter.sequence}",
    )
    await bus.js.delete_msg(topology.DLQ, letter.sequence)
    log.info("dlq.replayed", subject=letter.subject, reason=letter.reason)


async def _hand_back(advisory: Msg) -> None:
    await advisory.nak()


def _own(headers: Mapping[str, str]) -> dict[str, str]:
    """Leave out what the broker reads: a copied message id would make the copy a duplicate."""
    return {k: v for k, v in headers.items() if not k.lower().startswith(_NATS_PREFIX)}
