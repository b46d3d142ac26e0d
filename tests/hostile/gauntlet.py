"""The way of a file through the services' own checks and sandboxed children, without a network."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from picstore_converter.messages import Totals, conversion_request, parse_message
from picstore_converter.model import Claim, EncodedOutput, FailedOutput, WantedOutput
from picstore_converter.settings import ConversionSettings
from picstore_converter.settings import limits_of as converter_limits
from picstore_imaging.facts import Probe
from picstore_imaging.fonts import CHILD_ENVIRONMENT
from picstore_imaging.plan import plan_outputs
from picstore_imaging.profile import Profile
from picstore_kit.errors import PicstoreError, Reason
from picstore_kit.ids import ImageId, JobId, LocationId, OutputId, new_id
from picstore_kit.sandbox.pool import ChildPool, RequestFor, Room, SandboxLimits
from picstore_kit.scratch import temporary_directory
from picstore_upload.checks import CheckFile
from picstore_upload.main import limits_of as upload_limits
from picstore_upload.settings import IngestSettings, ProbeSettings
from tests.hostile.case import Case

CHILDREN: Final = 2
"""Of each pool, and files under way at once."""
DEATHS: Final = frozenset({Reason.CHILD_CRASHED, Reason.CHILD_TIMEOUT, Reason.CHILD_MEMORY})

_KIB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One output."""

    spec: EncodedOutput
    data: bytes


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of one file."""

    case: Case
    errors: list[tuple[Reason, str]] = field(default_factory=list)
    """Why it was refused, or outputs of it were, and what a sender is told."""
    probed: Probe | None = None
    outputs: list[Made] = field(default_factory=list)
    seconds: float = 0.0
    strays: list[str] = field(default_factory=list)
    """Files that nobody asked for."""

    @property
    def reasons(self) -> set[Reason]:
        """Without what was told."""
        return {reason for reason, _ in self.errors}


class _Prober:
    """A pool of children that read headers; calls that one does not survive are counted."""

    def __init__(self, pool: ChildPool, deaths: Counter[Reason]) -> None:
        self._pool = pool
        self._deaths = deaths

    async def result(self, request_for: RequestFor) -> dict[str, Any]:
        try:
            return await self._pool.result(request_for)
        except PicstoreError as error:
            self._deaths[error.reason] += error.reason in DEATHS
            raise


class Gauntlet:
    """Both services' children, warm, with the limits that the services give them."""

    def __init__(self, prober: ChildPool, converter: ChildPool, jobs_dir: Path) -> None:
        self.pools = (prober, converter)
        self.jobs_dir = jobs_dir
        self.deaths: Counter[Reason] = Counter()
        """Children that were lost, by why."""
        self.peak_rss_bytes = 0
        """The most that any child has held that is still there."""
        self._check = CheckFile(_Prober(prober, self.deaths))
        self._converter = converter

    @classmethod
    @asynccontextmanager
    async def open(cls, work_dir: Path) -> AsyncIterator[Gauntlet]:
        """Start the children; they are killed in the end."""
        jobs_dir, rooms_dir = work_dir / "jobs", work_dir / "rooms"
        for directory in (jobs_dir, rooms_dir):
            directory.mkdir()
        prober = ChildPool(
            target="picstore_imaging.sandboxed:probe_file",
            size=CHILDREN,
            limits=PROBE_LIMITS,
            work_dir=rooms_dir,
            env=CHILD_ENVIRONMENT,
            spares=0,
        )
        converter = ChildPool(
            target="picstore_imaging.sandboxed:convert",
            size=CHILDREN,
            limits=CONVERT_LIMITS,
            work_dir=rooms_dir,
            env=CHILD_ENVIRONMENT,
            spares=0,
        )
        async with prober, converter:
            await prober.started()
            await converter.started()
            yield cls(prober, converter, jobs_dir)

    async def run(self, cases: Iterable[Case], profile: Profile) -> list[Outcome]:
        """Send every file through, as many at once as there are children."""
        waiting = iter(cases)
        outcomes: list[Outcome] = []

        async def work() -> None:
            for case in waiting:
                outcomes.append(await self._one(case, profile))

        async with asyncio.TaskGroup() as group:
            for _ in range(CHILDREN):
                group.create_task(work())
        # One that takes the place of a worn child has a file of its own until it is warm.
        for pool in self.pools:
            await pool.started()
        return outcomes

    async def _one(self, case: Case, profile: Profile) -> Outcome:
        outcome = Outcome(case=case)
        clock = asyncio.get_running_loop().time
        async with temporary_directory(self.jobs_dir, prefix="job-") as directory:
            source = directory / "source"
            source.write_bytes(await asyncio.to_thread(case.make))
            started = clock()
            try:
                await self._through(case, profile, source, outcome)
            except PicstoreError as error:
                outcome.errors.append((error.reason, error.message))
            outcome.seconds = clock() - started
        self._look_at_children()
        return outcome

    async def _through(self, case: Case, profile: Profile, source: Path, outcome: Outcome) -> None:
        limits = replace(upload_limits(IngestSettings()), allow_svg=case.allow_svg)
        checked = await self._check.whole(
            source, declared_type=case.declared_type, sha256="", limits=limits
        )
        outcome.probed = checked.probe
        claim = _claim(checked.probe, profile)
        left = {output.id: output for output in claim.outputs}
        rooms: list[Room] = []

        def request_for(room: Room) -> dict[str, Any]:
            rooms.append(room)
            return conversion_request(
                claim.facts,
                claim.outputs,
                room.give(source, source.name),
                size=checked.probe.bytes,
                made=room.made,
            )

        try:
            async with aclosing(self._converter.call(request_for)) as messages:
                async for message in messages:
                    match parse_message(message, wanted=left, directory=rooms[0].made):
                        case EncodedOutput() as output:
                            del left[output.id]
                            outcome.outputs.append(Made(spec=output, data=output.path.read_bytes()))
                            output.path.unlink()
                        case FailedOutput() as failed:
                            del left[failed.id]
                            outcome.errors.append((failed.reason, failed.message))
                        case Totals():
                            outcome.strays = os.listdir(rooms[0].made)
        except PicstoreError as error:
            # What a child says it lacks memory for, it survives.
            self.deaths[error.reason] += error.reason in DEATHS
            raise

    def _look_at_children(self) -> None:
        for pool in self.pools:
            for pid in pool.idle:
                self.peak_rss_bytes = max(self.peak_rss_bytes, _peak_rss(pid))


def _claim(probe: Probe, profile: Profile) -> Claim:
    """Ask for all that the profile plans for a picture, as the catalog would."""
    location = new_id(LocationId)
    planned = plan_outputs(profile, probe.facts())
    return Claim(
        job_id=new_id(JobId),
        attempt=1,
        lease_s=30.0,
        image_id=new_id(ImageId),
        generation=1,
        source_location=location,
        source_key="originals/hostile",
        facts=probe.facts(),
        outputs_location=location,
        output_key_prefix="web/hostile",
        cache_control="",
        outputs=tuple(
            WantedOutput(id=new_id(OutputId), spec=output.spec)
            for output in planned
            if output.skipped is None
        ),
        wants_placeholder=True,
    )


def _peak_rss(pid: int) -> int:
    """Return the most memory that a process has held, in bytes; 0 where it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return int(lines.get("VmHWM", "0").split()[0]) * _KIB


_PROBE: Final = ProbeSettings()
PROBE_LIMITS: Final = SandboxLimits(memory_bytes=_PROBE.memory_bytes, wall_s=_PROBE.wall_s)
"""As the upload service has them."""
CONVERT_LIMITS: Final = converter_limits(ConversionSettings())
"""As the converter has them."""
