"""Hostile files cost a refusal, or one child: services, memory and disk stay as they are."""

from __future__ import annotations

import asyncio
import io
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from picstore_imaging.formats import ACCEPTED, Format, SourceFormat
from picstore_imaging.plan import plan_outputs
from picstore_imaging.profile import FormatRule, Profile, SizeRule, validate
from picstore_imaging.rules import Density, Fit, Gravity
from tests.hostile.case import Case, harmless
from tests.hostile.corpus import KINDS
from tests.hostile.gauntlet import CONVERT_LIMITS, PROBE_LIMITS, Gauntlet, Made, Outcome
from tests.hostile.whole import whole

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BOX: Final = 160
PROFILE: Final = Profile(
    formats=(FormatRule(format=Format.JPEG), FormatRule(format=Format.WEBP)),
    sizes=(SizeRule(width=BOX, height=BOX),),
)
FEWEST: Final = 150
"""Files of each format that is taken."""
INNER: Final = (" /", "vips", "libheif", "pyvips", "Traceback", "glib", "0x")
"""What no sender is to read of us."""


class Arena:
    """The children of both services, for tests that are no coroutines."""

    def __init__(self, runner: asyncio.Runner, gauntlet: Gauntlet) -> None:
        self._runner = runner
        self.gauntlet = gauntlet

    def run(self, cases: list[Case], profile: Profile = PROFILE) -> list[Outcome]:
        """Send all through."""
        return self._runner.run(self.gauntlet.run(cases, profile))


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    # The kernel kills the children when the thread ends that started them: all of it is in one.
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        work_dir = tmp_path_factory.mktemp("hostile")
        try:
            entered = stack.enter_async_context(Gauntlet.open(work_dir))
            yield Arena(runner, runner.run(entered))
        finally:
            runner.run(stack.aclose())


def faults(outcome: Outcome) -> Iterator[str]:
    """Say all that is wrong with what became of a file."""
    case = outcome.case
    wrong = outcome.reasons - case.reasons
    if wrong:
        yield f"refused for {sorted(wrong)}, and not for {sorted(case.reasons)}"
    if outcome.outputs and not case.converts:
        yield f"converted: {outcome.probed}"
    if not outcome.outputs and not outcome.errors:
        yield "neither converted nor refused"
    if outcome.strays:
        yield f"left {outcome.strays} behind"
    for reason, message in outcome.errors:
        if any(word in message for word in INNER):
            yield f"{reason} tells a sender: {message}"
    for made in outcome.outputs:
        yield from faults_of_output(made)


def faults_of_output(made: Made) -> Iterator[str]:
    """Say all that is wrong with an output, as another decoder reads it."""
    data, size = made.data, (made.spec.width, made.spec.height)
    for secret in (b"<script", b"PK\3\4", b"Exif\0\0"):
        if secret in data:
            yield f"an output carries {secret!r} on"
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            found = picture.size
    except (OSError, SyntaxError) as error:
        yield f"an output cannot be decoded: {error}"
    else:
        if found != size:
            yield f"an output has {found} in place of {size}"


def assert_sound(arena: Arena, outcomes: list[Outcome]) -> None:
    """Name every file that became what it may not."""
    wrong = {outcome.case.name: found for outcome in outcomes if (found := list(faults(outcome)))}
    assert not wrong
    assert list(arena.gauntlet.jobs_dir.iterdir()) == []
    assert 0 < arena.gauntlet.peak_rss_bytes < CONVERT_LIMITS.memory_bytes


def test_there_are_many_files_of_each_format_and_each_has_a_name() -> None:
    cases = [case for kind in KINDS.values() for case in kind()]
    assert len(cases) == len({case.name for case in cases})
    assert len(cases) >= 2_000
    counts = Counter(case.format for case in cases)
    assert counts.keys() == set(SourceFormat)
    for format in {*ACCEPTED, SourceFormat.SVG}:
        assert counts[format] >= FEWEST, format


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_files_do_no_harm(kind: str, arena: Arena) -> None:
    parent = os.getpid()
    cases = list(KINDS[kind]())
    before = sum(arena.gauntlet.deaths.values())
    outcomes = arena.run(cases)
    assert len(outcomes) == len(cases)
    assert_sound(arena, outcomes)
    assert os.getpid() == parent
    assert sum(arena.gauntlet.deaths.values()) == before, "no file ends a child"
    # The same children go on with honest work.
    [sound] = arena.run([harmless("jpeg", SourceFormat.JPEG, lambda: whole("jpeg"))])
    assert [made.spec.width for made in sound.outputs] == [96, 96]


def test_children_have_the_limits_of_the_services(arena: Arena) -> None:
    for pool, limits in zip(arena.gauntlet.pools, (PROBE_LIMITS, CONVERT_LIMITS), strict=True):
        assert pool.idle
        for pid in pool.idle:
            table = Path(f"/proc/{pid}/limits").read_text()
            [line] = [line for line in table.splitlines() if line.startswith("Max address space")]
            assert line.split()[3:5] == [str(limits.memory_bytes)] * 2


def thin(format: SourceFormat, width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (200, 90, 30)).save(buffer, format.value)
    return buffer.getvalue()


LONG: Final = st.sampled_from([1, 2, 7, 8, 9, 255, 16_383, 16_384, 20_000]) | st.integers(1, 3_000)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """Any valid profile whose outputs are few and small enough to be quick."""
    fit = draw(st.sampled_from(Fit))
    width, height = draw(st.integers(1, 120)), draw(st.integers(1, 120))
    only = draw(st.sampled_from(("width", "height", "both"))) if fit is Fit.INSIDE else "both"
    size = SizeRule(
        width=None if only == "height" else width,
        height=None if only == "width" else height,
        fit=fit,
        gravity=draw(st.sampled_from(Gravity)),
        enlarge=draw(st.booleans()),
        densities=draw(st.sampled_from([(Density(),), (Density(), Density(ratio=2.0))])),
    )
    formats = draw(st.lists(st.sampled_from(Format), min_size=1, max_size=2, unique=True))
    return Profile(formats=tuple(FormatRule(format=format) for format in formats), sizes=(size,))


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    format=st.sampled_from(
        [SourceFormat.JPEG, SourceFormat.PNG, SourceFormat.GIF, SourceFormat.TIFF]
    ),
    long=LONG,
    short=st.integers(1, 4),
    upright=st.booleans(),
    profile=profiles(),
)
def test_long_and_thin_pictures_become_what_was_planned(
    format: SourceFormat, long: int, short: int, upright: bool, profile: Profile, arena: Arena
) -> None:
    width, height = (short, long) if upright else (long, short)
    validate(profile)
    case = harmless(f"{width} by {height}", format, lambda: thin(format, width, height))
    [outcome] = arena.run([case], profile)
    assert not outcome.errors
    assert outcome.probed is not None
    assert (outcome.probed.width, outcome.probed.height) == (width, height)
    planned = [o for o in plan_outputs(profile, outcome.probed.facts()) if o.skipped is None]
    assert len(outcome.outputs) == len(planned)
    assert [fault for made in outcome.outputs for fault in faults_of_output(made)] == []
