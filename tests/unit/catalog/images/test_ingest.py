"""Which jobs make the outputs of a new generation."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from picstore_catalog.model.ingest import Layout, lay_out
from picstore_catalog.model.job import Lane
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.plan import plan_outputs
from picstore_imaging.profile import Profile
from picstore_imaging.rules import Density, FormatRule, SizeRule
from picstore_kit.errors import FailedPrecondition, Reason

PHOTO = SourceFacts(format=SourceFormat.JPEG, width=1200, height=800)
JPEG = FormatRule(format=Format.JPEG)
DEAR_AVIF = FormatRule(format=Format.AVIF, effort=9)
ONLY_FROM_PNG = FormatRule(format=Format.PNG, only_from=frozenset({SourceFormat.PNG}))


def laid_out(formats: Sequence[FormatRule], *sizes: SizeRule) -> Layout:
    profile = Profile(formats=tuple(formats), sizes=sizes or (SizeRule(width=1200),))
    return lay_out(plan_outputs(profile, PHOTO), source=PHOTO.format)


def test_cheap_outputs_are_one_job_that_the_picture_waits_for() -> None:
    layout = laid_out([JPEG], SizeRule(width=400), SizeRule(width=800))

    (job,) = layout.jobs
    assert job.lane is Lane.FAST
    assert [(output.job_id, output.awaited) for output in layout.outputs] == [(job.id, True)] * 2


def test_dear_outputs_are_a_second_job_that_the_picture_does_not_wait_for() -> None:
    layout = laid_out([DEAR_AVIF, JPEG])

    fast, slow = layout.jobs
    avif, jpeg = layout.outputs
    assert (fast.lane, slow.lane) == (Lane.FAST, Lane.SLOW)
    assert (avif.job_id, avif.awaited) == (slow.id, False)
    assert (jpeg.job_id, jpeg.awaited) == (fast.id, True)
    assert avif.estimated_cpu_ms > jpeg.estimated_cpu_ms


def test_a_picture_of_dear_outputs_alone_waits_for_them() -> None:
    layout = laid_out([DEAR_AVIF])

    (job,) = layout.jobs
    assert job.lane is Lane.SLOW
    assert all(output.awaited for output in layout.outputs)


def test_what_is_skipped_is_recorded_with_the_reason_and_has_no_job() -> None:
    twice = SizeRule(width=1200, densities=(Density(), Density(ratio=2)))
    layout = laid_out([JPEG, ONLY_FROM_PNG], twice)

    assert [(output.skipped, output.job_id is None) for output in layout.outputs] == [
        (None, False),
        (Reason.CONDITION_NOT_MET, True),
        (Reason.SAME_AS_ANOTHER, True),
        (Reason.CONDITION_NOT_MET, True),
    ]
    assert all(bool(output.message) == bool(output.skipped) for output in layout.outputs)


def test_ids_keep_the_order_of_the_profile() -> None:
    layout = laid_out([DEAR_AVIF, JPEG], *(SizeRule(width=width) for width in range(100, 500)))

    ids = [output.id for output in layout.outputs]
    assert ids == sorted(ids)


def compared(*formats: FormatRule) -> dict[Format, Format | None]:
    """By format, the one that the converter compares it with."""
    profile = Profile(formats=formats, sizes=(SizeRule(width=1200),), skip_if_larger_percent=50)
    outputs = lay_out(plan_outputs(profile, PHOTO), source=PHOTO.format).outputs
    formats_by_id = {output.id: output.spec.format for output in outputs}
    return {
        output.spec.format: formats_by_id[output.better_id] if output.better_id else None
        for output in outputs
    }


def test_outputs_are_compared_only_with_those_of_the_same_job() -> None:
    webp, avif = FormatRule(format=Format.WEBP), FormatRule(format=Format.AVIF)

    assert compared(avif, webp, JPEG)[Format.WEBP] is Format.AVIF
    assert compared(DEAR_AVIF, webp, JPEG)[Format.WEBP] is None


def test_a_profile_that_makes_nothing_of_the_picture_is_refused() -> None:
    with pytest.raises(FailedPrecondition) as refused:
        laid_out([ONLY_FROM_PNG])

    assert refused.value.reason is Reason.PROFILE_YIELDS_NOTHING
    assert refused.value.metadata == {"format": "jpeg"}
