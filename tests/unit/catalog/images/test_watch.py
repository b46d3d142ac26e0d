"""What is told of a picture from how it was and how it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from picstore_catalog.model.description import Description
from picstore_catalog.model.image import Image, ImageState
from picstore_catalog.model.job import Failure
from picstore_catalog.model.output import Output, OutputState
from picstore_catalog.model.stored import Stored
from picstore_catalog.model.watch import (
    Happening,
    Happenings,
    Kind,
    View,
    changes,
    happenings,
    is_settled,
)
from picstore_imaging.formats import Format
from picstore_imaging.plan import OutputSpec
from picstore_imaging.rules import Fit, Gravity
from picstore_kit.errors import Reason
from picstore_kit.ids import ImageId, OutputId, ProjectId, UploadProfileId, new_id

NOW = datetime(2026, 1, 31, tzinfo=UTC)
SPEC = OutputSpec(
    format=Format.JPEG,
    width=320,
    height=240,
    fit=Fit.INSIDE,
    gravity=Gravity.CENTRE,
    density=1,
    quality=80,
    lossless=False,
    effort=2,
    background=None,
)
BROKEN = Failure(reason=Reason.IMAGE_CORRUPT, message="it is broken")


def output(number: int, state: OutputState, *, generation: int = 1) -> Output:
    return Output(
        id=OutputId(f"out_{number}"),
        generation=generation,
        spec=SPEC,
        state=state,
        reason="",
        message="",
        file=None,
        url="",
        # The later an output's id, the earlier it was ready.
        ready_time=NOW - timedelta(seconds=number) if state is OutputState.READY else None,
    )


def view(state: ImageState, *, pending: tuple[Output, ...] = (), **fields: Any) -> View:
    image = Image(
        id=new_id(ImageId),
        project_id=new_id(ProjectId),
        upload_profile_id=new_id(UploadProfileId),
        filename="dog.jpg",
        location="",
        description=Description(),
        state=state,
        failure=None,
        original=None,
        placeholder=None,
        generation=0,
        pending_generation=0,
        conversion_profile_id=None,
        conversion_profile_revision=None,
        commit_time=None,
        ready_time=None,
    )
    image = replace(image, **fields)
    return View(
        stored=Stored(value=image, version=1, created_at=NOW, updated_at=NOW), pending=pending
    )


def kinds(before: View, now: View) -> list[Kind]:
    return [told.kind for told in changes(before, now)]


AWAITING = view(ImageState.AWAITING_UPLOAD)
CONVERTING = view(ImageState.CONVERTING, pending_generation=1, commit_time=NOW)
READY = view(ImageState.READY, generation=1, commit_time=NOW)
FAILED = view(ImageState.FAILED, generation=1, commit_time=NOW, failure=BROKEN)
REPLACED = view(
    ImageState.READY, generation=1, pending_generation=2, commit_time=NOW + timedelta(hours=1)
)
REPLACED_READY = view(ImageState.READY, generation=2, commit_time=NOW + timedelta(hours=1))
REPLACED_FAILED = view(
    ImageState.READY, generation=1, commit_time=NOW + timedelta(hours=1), failure=BROKEN
)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (AWAITING, AWAITING, []),
        (AWAITING, CONVERTING, [Kind.COMMITTED]),
        (AWAITING, READY, [Kind.COMMITTED, Kind.READY]),
        (AWAITING, FAILED, [Kind.COMMITTED, Kind.FAILED]),
        (CONVERTING, READY, [Kind.READY]),
        (CONVERTING, FAILED, [Kind.FAILED]),
        (READY, READY, []),
        (FAILED, FAILED, []),
        (READY, REPLACED, [Kind.COMMITTED]),
        (REPLACED, REPLACED_READY, [Kind.READY]),
        (REPLACED, REPLACED_FAILED, [Kind.FAILED]),
        (REPLACED_FAILED, REPLACED_FAILED, []),
        (FAILED, REPLACED_READY, [Kind.COMMITTED, Kind.READY]),
    ],
)
def test_what_has_happened_shows_in_what_is_different(
    before: View, now: View, told: list[Kind]
) -> None:
    assert kinds(before, now) == told


def test_outputs_are_told_of_once_in_the_order_in_which_they_became_ready() -> None:
    states = [OutputState.READY, OutputState.QUEUED, OutputState.QUEUED, OutputState.FAILED]
    before = view(
        ImageState.CONVERTING, outputs=tuple(output(n, state) for n, state in enumerate(states))
    )
    now = view(ImageState.CONVERTING, outputs=tuple(output(n, OutputState.READY) for n in range(3)))

    told = list(changes(before, now))

    assert [(one.kind, one.output.id) for one in told if one.output] == [
        (Kind.OUTPUT_READY, "out_2"),
        (Kind.OUTPUT_READY, "out_1"),
    ]
    assert len(told) == 2


def test_outputs_of_a_replacement_are_told_of_before_they_are_served() -> None:
    ready = output(7, OutputState.READY, generation=2)
    now = view(REPLACED.image.state, pending=(ready,), generation=1, pending_generation=2)
    assert Kind.OUTPUT_READY in kinds(view(ImageState.READY, generation=1), now)


@pytest.mark.parametrize(
    ("seen", "settled", "finished"),
    [
        (AWAITING, False, False),
        (CONVERTING, False, False),
        (REPLACED, False, False),
        (READY, True, True),
        (FAILED, True, True),
        (view(ImageState.READY, outputs=(output(1, OutputState.QUEUED),)), True, False),
        (view(ImageState.READY, outputs=(output(1, OutputState.FAILED),)), True, True),
    ],
)
def test_a_picture_is_finished_when_nothing_of_it_is_being_made(
    seen: View, settled: bool, finished: bool
) -> None:
    assert (is_settled(seen.image), seen.finished) == (settled, finished)


def test_what_the_bus_says_is_told_as_the_picture_is_now() -> None:
    happened = Happenings()
    ids = (new_id(ProjectId), new_id(ImageId))
    for kind, output_id in (
        (Kind.READY, None),
        (Kind.OUTPUT_READY, "out_1"),
        (Kind.OUTPUT_READY, "out_9"),
        (Kind.COMMITTED, None),
    ):
        happened.add(
            Happening(
                kind=kind,
                project_id=ids[0],
                image_id=ids[1],
                output_id=OutputId(output_id) if output_id else None,
            )
        )
    ready = (output(1, OutputState.READY), output(2, OutputState.READY))
    for now, last in (
        (replace(READY.stored, value=replace(READY.image, outputs=ready)), [Kind.READY]),
        (replace(FAILED.stored, value=replace(FAILED.image, outputs=ready)), [Kind.FAILED]),
        (replace(CONVERTING.stored, value=replace(CONVERTING.image, outputs=ready)), []),
    ):
        told = [one.kind for one in happenings(happened, View(stored=now))]
        assert told == [Kind.COMMITTED, Kind.OUTPUT_READY, *last]
