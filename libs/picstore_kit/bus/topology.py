"""Every stream and every durable consumer, in one table, and how they come to be.

Lanes have disjoint subjects because a work-queue stream refuses consumers that overlap. `backoff`
stays unset because it would replace `ack_wait`; workers delay a retry themselves.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import structlog
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError, NotFoundError, ServerError

from picstore_kit.bus.lanes import Lane
from picstore_kit.errors import FailedPrecondition, Reason

log = structlog.get_logger(__name__)

_NAME_IN_USE: Final = 10058
"""JetStream's code for a stream that exists with another configuration."""
_STORE_NOT_CREATED: Final = 10049
"""Its code for a directory that it can't make: it may still be removing the last stream's files."""
_STORE_TRIES: Final = 5
_STORE_PAUSE_S: Final = 0.2

JOBS: Final = "PICSTORE_JOBS"
EVENTS: Final = "PICSTORE_EVENTS"
ADVISORY: Final = "PICSTORE_ADVISORY"
DLQ: Final = "PICSTORE_DLQ"

DEAD_LETTER_CONSUMER: Final = "dead-letter-keeper"

_DAY_S: Final = 24 * 60 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """A durable pull consumer that several processes share."""

    name: str
    filter_subject: str
    ack_wait_s: float = 30.0
    """Seconds without a sign of life after which a delivery goes to somebody else."""
    max_deliver: int = 20
    """A backstop, not the retry policy: attempts are counted in Postgres, and a delivery that a
    stopping worker hands back is no attempt."""
    max_ack_pending: int = 20_000
    """Deliveries at once. High, because jobs that wait for a delayed retry count, too; workers
    bound what is really in flight by their slots."""

    def config(self) -> ConsumerConfig:
        """Express this for the broker."""
        return ConsumerConfig(
            durable_name=self.name,
            filter_subject=self.filter_subject,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self.ack_wait_s,
            max_deliver=self.max_deliver,
            max_ack_pending=self.max_ack_pending,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream on disk and the durable consumers that belong to it."""

    name: str
    subjects: tuple[str, ...]
    retention: RetentionPolicy = RetentionPolicy.LIMITS
    discard: DiscardPolicy = DiscardPolicy.OLD
    max_age_s: float
    max_msgs: int = -1
    duplicate_window_s: float = 600.0
    """Seconds in which a message id is stored once; longer than a relay is usually down."""
    consumers: tuple[Consumer, ...] = ()

    def config(self, *, replicas: int) -> StreamConfig:
        """Express this for the broker."""
        return StreamConfig(
            name=self.name,
            subjects=list(self.subjects),
            retention=self.retention,
            discard=self.discard,
            storage=StorageType.FILE,
            max_age=self.max_age_s,
            max_msgs=self.max_msgs,
            duplicate_window=self.duplicate_window_s,
            num_replicas=replicas,
            # A stream made anew must not number its messages like the one that was lost: an ack
            # of an old message would remove the new one of the same number.
            first_seq=time.time_ns() // 1_000_000,
        )


TOPOLOGY: Final = (
    Stream(
        name=JOBS,
        subjects=tuple(lane.subject for lane in Lane),
        retention=RetentionPolicy.WORK_QUEUE,
        # A full queue refuses, so that jobs wait in the outbox instead of vanishing here.
        discard=DiscardPolicy.NEW,
        max_msgs=1_000_000,
        max_age_s=7 * _DAY_S,
        consumers=tuple(Consumer(name=lane.consumer, filter_subject=lane.subject) for lane in Lane),
    ),
    Stream(name=EVENTS, subjects=("picstore.event.>",), max_age_s=7 * _DAY_S),
    Stream(
        name=ADVISORY,
        subjects=(f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{JOBS}.>",),
        max_age_s=7 * _DAY_S,
        consumers=(
            Consumer(
                name=DEAD_LETTER_CONSUMER,
                filter_subject=f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{JOBS}.>",
                max_deliver=-1,
            ),
        ),
    ),
    Stream(name=DLQ, subjects=("picstore.dlq.>",), max_age_s=30 * _DAY_S),
)


class DestructiveChange(FailedPrecondition):
    """Applying the table would lose messages that the broker holds."""

    def __init__(self, name: str, changes: list[str]) -> None:
        super().__init__(
            Reason.STATE_WRONG,
            f"{name} would lose messages: {'; '.join(changes)}",
            metadata={"name": name, "changes": "; ".join(changes)},
        )


def destructive_changes(existing: StreamConfig, wanted: StreamConfig) -> list[str]:
    """Name every difference that would drop stored messages or change who may read them."""
    changes = []
    if existing.retention != wanted.retention:
        changes.append(f"retention {existing.retention} to {wanted.retention}")
    if existing.storage != wanted.storage:
        changes.append(f"storage {existing.storage} to {wanted.storage}")
    lost = sorted(set(existing.subjects or ()) - set(wanted.subjects or ()))
    if lost:
        changes.append(f"without the subjects {', '.join(lost)}")
    if _shrinks(existing.max_age, wanted.max_age):
        changes.append(f"max_age {existing.max_age} s to {wanted.max_age} s")
    if _shrinks(existing.max_msgs, wanted.max_msgs):
        changes.append(f"max_msgs {existing.max_msgs} to {wanted.max_msgs}")
    return changes


async def apply_topology(js: JetStreamContext, *, replicas: int = 1) -> None:
    """Create what is missing of `TOPOLOGY` and update what differs; repeating it changes nothing.

    Streams and consumers that the table does not name are left alone, and so is a stream that has
    more replicas than asked for.

    Raises:
        DestructiveChange: An update would lose messages; nothing of that stream was changed.
        nats.errors.Error: The broker failed or did not answer.
    """
    for stream in TOPOLOGY:
        await _apply_stream(js, stream, replicas=replicas)
        for consumer in stream.consumers:
            await _apply_consumer(js, stream, consumer)


async def _apply_stream(js: JetStreamContext, stream: Stream, *, replicas: int) -> None:
    wanted = stream.config(replicas=replicas)
    try:
        existing = (await js.stream_info(stream.name)).config
    except NotFoundError:
        if await _created(js, wanted):
            return
        existing = (await js.stream_info(stream.name)).config
    changes = destructive_changes(existing, wanted)
    if changes:
        raise DestructiveChange(stream.name, changes)
    merged = existing.evolve(
        subjects=wanted.subjects,
        discard=wanted.discard,
        max_age=wanted.max_age,
        max_msgs=wanted.max_msgs,
        duplicate_window=wanted.duplicate_window,
        num_replicas=max(existing.num_replicas or 1, replicas),
    )
    if merged != existing:
        await js.update_stream(merged)
        log.info("bus.stream_updated", stream=stream.name)


async def _created(js: JetStreamContext, wanted: StreamConfig) -> bool:
    """Create a stream; False if somebody else did at the same moment.

    Theirs counts on from another moment of the clock, so the broker finds that ours differs.
    """
    for tries_left in reversed(range(_STORE_TRIES)):
        try:
            await js.add_stream(wanted)
        except BadRequestError as error:
            if error.err_code != _NAME_IN_USE:
                raise
            return False
        except ServerError as error:
            if error.err_code != _STORE_NOT_CREATED or not tries_left:
                raise
            await asyncio.sleep(_STORE_PAUSE_S)
        else:
            break
    log.info("bus.stream_created", stream=wanted.name)
    return True


async def _apply_consumer(js: JetStreamContext, stream: Stream, consumer: Consumer) -> None:
    wanted = consumer.config()
    try:
        existing = (await js.consumer_info(stream.name, consumer.name)).config
    except NotFoundError:
        await js.add_consumer(stream.name, wanted)
        log.info("bus.consumer_created", stream=stream.name, consumer=consumer.name)
        return
    if existing.filter_subject != wanted.filter_subject:
        change = f"filter {existing.filter_subject} to {wanted.filter_subject}"
        raise DestructiveChange(f"{stream.name}/{consumer.name}", [change])
    merged = existing.evolve(
        ack_wait=wanted.ack_wait,
        max_deliver=wanted.max_deliver,
        max_ack_pending=wanted.max_ack_pending,
    )
    if merged != existing:
        await js.add_consumer(stream.name, merged)
        log.info("bus.consumer_updated", stream=stream.name, consumer=consumer.name)


def _shrinks(existing: float | None, wanted: float | None) -> bool:
    """Whether a limit gets tighter; none, zero and negative numbers mean unlimited."""
    if not wanted or wanted < 0:
        return False
    return not existing or existing < 0 or wanted < existing
