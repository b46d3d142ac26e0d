"""Bench: what one conversion takes on top of the converting, on a stack that does nothing else.

The overhead is the time from the accepted upload to READY, both by the database's clock, minus the
time that the sandboxed child says it worked. Where it goes is read from the services' own logs,
which on one machine have one clock with the database.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from picstore.catalog.v1.image_pb2 import Image, Output
from picstore_kit.ids import ImageId, ProjectId
from tests.perf.photos import medium_photo
from tests.perf.tables import median_and_tail, show
from tests.stack import LiveStack, eventually, live_stack

UPLOADS: Final = 25
WARM_UP: Final = 3
"""Uploads before those that count: connections are opened, caches filled."""
PAUSE_S: Final = 0.3
"""Between two uploads, so that nothing is left of the one when the next comes."""

_CLAIM: Final = "picstore.jobs.v1.JobService/ClaimJob"
_COMPLETE: Final = "picstore.jobs.v1.JobService/CompleteOutput"

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """One conversion from commit to READY, in milliseconds. The child's own time is no overhead."""

    reach: float
    """From the commit through outbox and bus until a converter asks for the job."""
    claim: float
    """The answer to that."""
    fetch: float
    """Until the child begins: the original is fetched."""
    child: float
    """What the child says it worked."""
    store: float
    """From the child's last word until the last output is stored."""
    report: float
    """From there until the catalog has the picture READY."""
    first_output: float
    """From the commit until the first output can be loaded; it overlaps the child's work."""

    @property
    def overhead(self) -> float:
        """Everything but the child."""
        return self.reach + self.claim + self.fetch + self.store + self.report


def run() -> dict[str, float]:
    """Measure, print a table, and return `idle_overhead_ms` and more.

    Raises:
        NoPhotos: None of the photos named fits.
    """
    with tempfile.TemporaryDirectory() as directory:
        work_dir = Path(directory)
        photo = medium_photo(work_dir)
        with live_stack(work_dir / "stack", PICSTORE_TELEMETRY__LOG_FORMAT="json") as stack:
            images = asyncio.run(_upload_in_turn(stack, photo))[WARM_UP:]
            conversions = [_phases(stack, image) for image in images]
    phases = {
        "commit → claim asked (outbox, bus)": [c.reach for c in conversions],
        "claim": [c.claim for c in conversions],
        "claim → child begins (fetch original)": [c.fetch for c in conversions],
        "child ends → last output stored": [c.store for c in conversions],
        "last output stored → READY": [c.report for c in conversions],
        "overhead: all of these": [c.overhead for c in conversions],
        "child's own conversion": [c.child for c in conversions],
        "commit → first output READY": [c.first_output for c in conversions],
    }
    show(
        f"{len(images)} conversions of one photo into {len(_ready(images[0]))} outputs, "
        "one after the other",
        ("phase", "median ms", "p90 ms"),
        [(name, *_cells(samples)) for name, samples in phases.items()],
    )
    overhead, tail = median_and_tail([c.overhead for c in conversions], 90)
    return {
        "idle_overhead_ms": overhead,
        "idle_overhead_p90_ms": tail,
        "idle_first_output_ms": median_and_tail([c.first_output for c in conversions], 90)[0],
    }


def _cells(samples: Sequence[float]) -> tuple[str, str]:
    middle, tail = median_and_tail(samples, 90)
    return f"{middle:.1f}", f"{tail:.1f}"


async def _upload_in_turn(stack: LiveStack, photo: Path) -> list[Image]:
    images = []
    async with stack.client() as client:
        project = await client.find_project("website")
        for _ in range(WARM_UP + UPLOADS):
            sent = await client.quick_upload(ProjectId(project.id), photo)
            images.append(await client.wait_ready(ImageId(sent.id)))
            await asyncio.sleep(PAUSE_S)
    return images


def _phases(stack: LiveStack, image: Image) -> Phases:
    """Read from the logs how the conversion of a picture went."""
    finished = _logged(stack, "converter", event="job.finished", image=image.id)
    encoded = _logged(stack, "converter", event="job.encoded", job=finished["job"])
    # The request id travels with the job and with every call that is made for it.
    request_id = finished["request_id"]
    claimed = _logged(stack, "catalog", method=_CLAIM, request_id=request_id)
    reported = _logged(stack, "catalog", method=_COMPLETE, request_id=request_id)
    committed, ready = _ms_of(image.commit_time), _ms_of(image.ready_time)
    child_ended, child = _ms_at(encoded), float(encoded["wall_ms"])
    claim_answered, report_began = _ms_at(claimed), _ms_at(reported) - reported["ms"]
    return Phases(
        reach=claim_answered - claimed["ms"] - committed,
        claim=claimed["ms"],
        fetch=child_ended - child - claim_answered,
        child=child,
        store=report_began - child_ended,
        report=ready - report_began,
        first_output=min(_ms_of(output.ready_time) for output in _ready(image)) - committed,
    )


def _ready(image: Image) -> list[Output]:
    return [output for output in image.outputs if output.state == Output.STATE_READY]


def _logged(stack: LiveStack, service: str, **fields: str) -> Event:
    """Return the last line of a service's log that has these fields, once it is there."""

    def look() -> Event | None:
        lines = [
            line
            for line in _log(stack.data_dir / "logs" / f"{service}.log")
            if fields.items() <= line.items()
        ]
        return lines[-1] if lines else None

    return eventually(look, f"a line with {fields} in the log of {service}")


def _log(path: Path) -> Iterator[Event]:
    with path.open() as lines:
        for line in lines:
            if line.startswith("{") and line.endswith("}\n"):
                yield json.loads(line)


def _ms_of(time: Timestamp) -> float:
    return time.ToNanoseconds() / 1e6


def _ms_at(event: Event) -> float:
    return datetime.fromisoformat(event["timestamp"]).astimezone(UTC).timestamp() * 1000
