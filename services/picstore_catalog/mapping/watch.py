"""Watching pictures: events from the bus, and what is told of them."""

from __future__ import annotations

from typing import Final

from google.protobuf.duration_pb2 import Duration

from picstore.catalog.v1 import image_service_pb2
from picstore.events.v1 import event_pb2
from picstore_catalog.mapping.image import image_message, output_message
from picstore_catalog.model.watch import Happening, Kind, Told
from picstore_kit.ids import ImageId, OutputId, ProjectId
from picstore_kit.violations import Violations

MAX_WATCHED: Final = 100
MAX_WAIT_S: Final = 60

_KINDS: Final = {
    "image_committed": Kind.COMMITTED,
    "output_ready": Kind.OUTPUT_READY,
    "image_ready": Kind.READY,
    "image_failed": Kind.FAILED,
}
_NUMBERS: Final = {
    kind: image_service_pb2.WatchImagesResponse.Kind.Value(f"KIND_{kind.name}") for kind in Kind
}


def happening_of(event: event_pb2.Event) -> Happening | None:
    """Read what has happened to a picture; None if it is nothing of that kind."""
    name = event.WhichOneof("fact")
    kind = _KINDS.get(name or "")
    if name is None or kind is None:
        return None
    fact = getattr(event, name)
    output_id = getattr(fact, "output_id", "")
    return Happening(
        kind=kind,
        project_id=ProjectId(event.project_id),
        image_id=ImageId(fact.image_id),
        output_id=OutputId(output_id) if output_id else None,
    )


def told_message(told: Told) -> image_service_pb2.WatchImagesResponse:
    """Return one message of a watch."""
    return image_service_pb2.WatchImagesResponse(
        kind=_NUMBERS[told.kind],
        image=None if told.stored is None else image_message(told.stored),
        output=None if told.output is None else output_message(told.output),
    )


def read_wait(wait: Duration, violations: Violations) -> float:
    """Read for how many seconds to wait; a fault is noted."""
    seconds = wait.seconds + wait.nanos / 1e9
    if not 0 <= seconds <= MAX_WAIT_S:
        violations.add("wait", f"must be from 0 to {MAX_WAIT_S} seconds")
    return seconds


def read_watched(
    request: image_service_pb2.WatchImagesRequest, violations: Violations
) -> list[ImageId]:
    """Read which pictures are watched, each once; faults are noted."""
    if len(request.image_ids) > MAX_WATCHED:
        violations.add("image_ids", f"must be at most {MAX_WATCHED}")
        return []
    return [
        violations.id(ImageId, text, f"image_ids[{index}]")
        for index, text in enumerate(dict.fromkeys(request.image_ids))
    ]
