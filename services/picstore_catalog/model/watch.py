"""What is told of a picture that somebody watches.

What the bus says is only that something has happened. What is told follows from how the picture is
then: by comparison with how it was told of before (`changes`) where single pictures are watched,
or from what has happened to it (`happenings`) where all of a project are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from picstore_catalog.model.image import Image, ImageState
from picstore_catalog.model.output import TERMINAL, Output, OutputState
from picstore_catalog.model.stored import Stored
from picstore_kit.ids import ImageId, OutputId, ProjectId

MAX_OUTPUTS: Final = 512
"""Outputs of one picture that are remembered until they are told of; more than any profile has."""


class Kind(StrEnum):
    """What can be told."""

    CURRENT = "CURRENT"
    COMMITTED = "COMMITTED"
    OUTPUT_READY = "OUTPUT_READY"
    READY = "READY"
    FAILED = "FAILED"
    HEARTBEAT = "HEARTBEAT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One message of a watch; a heartbeat is about no picture."""

    kind: Kind
    stored: Stored[Image] | None = None
    output: Output | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A picture at one moment."""

    stored: Stored[Image]
    """With the outputs that callers see."""
    pending: tuple[Output, ...] = ()
    """The outputs that are to replace them."""

    @property
    def image(self) -> Image:
        """The picture."""
        return self.stored.value

    @property
    def finished(self) -> bool:
        """Whether it is ready or failed, and nothing of it is being made any more."""
        return is_settled(self.image) and all(output.state in TERMINAL for output in self._outputs)

    def ready_outputs(self) -> dict[OutputId, Output]:
        """Return the outputs that can be loaded, by id, in the order in which they became ready."""
        ready = [output for output in self._outputs if output.state is OutputState.READY]
        ready.sort(key=lambda output: (output.ready_time is None, output.ready_time, output.id))
        return {output.id: output for output in ready}

    @property
    def _outputs(self) -> tuple[Output, ...]:
        return (*self.image.outputs, *self.pending)


def is_settled(image: Image) -> bool:
    """Whether a picture is ready or failed, and no set of outputs is to replace what it has."""
    return image.state in (ImageState.READY, ImageState.FAILED) and image.pending_generation == 0


def current(view: View) -> Told:
    """Tell how a picture is."""
    return Told(kind=Kind.CURRENT, stored=view.stored)


def changes(before: View, now: View) -> Iterator[Told]:
    """Tell what has happened between two looks at a picture."""
    stored = now.stored
    if now.image.commit_time not in (None, before.image.commit_time):
        yield Told(kind=Kind.COMMITTED, stored=stored)
    known = before.ready_outputs()
    for output_id, output in now.ready_outputs().items():
        if output_id not in known:
            yield Told(kind=Kind.OUTPUT_READY, stored=stored, output=output)
    if _became_ready(before.image, now.image):
        yield Told(kind=Kind.READY, stored=stored)
    if _failed(before.image, now.image):
        yield Told(kind=Kind.FAILED, stored=stored)


@dataclass(slots=True, kw_only=True)
class Happenings:
    """What has happened to a picture that was not told of yet."""

    committed: bool = False
    settled: bool = False
    """It became ready, or its newest original failed."""
    output_ids: set[OutputId] = field(default_factory=set)

    def add(self, happening: Happening) -> None:
        """Remember one more thing; the same thing twice is once."""
        match happening.kind:
            case Kind.COMMITTED:
                self.committed = True
            case Kind.READY | Kind.FAILED:
                self.settled = True
            case Kind.OUTPUT_READY if happening.output_id and len(self.output_ids) < MAX_OUTPUTS:
                self.output_ids.add(happening.output_id)
            case _:
                pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What the bus says."""

    kind: Kind
    project_id: ProjectId
    image_id: ImageId
    output_id: OutputId | None = None


def happenings(happened: Happenings, now: View) -> Iterator[Told]:
    """Tell what has happened to a picture, as it is now."""
    stored = now.stored
    if happened.committed:
        yield Told(kind=Kind.COMMITTED, stored=stored)
    for output_id, output in now.ready_outputs().items():
        if output_id in happened.output_ids:
            yield Told(kind=Kind.OUTPUT_READY, stored=stored, output=output)
    if happened.settled and now.image.failure is not None:
        yield Told(kind=Kind.FAILED, stored=stored)
    elif happened.settled and now.image.state is ImageState.READY:
        yield Told(kind=Kind.READY, stored=stored)


def without_outputs(told: Iterable[Told]) -> Iterator[Told]:
    """Leave the lists of outputs out, as lists of pictures do."""
    for one in told:
        if one.stored is None:
            yield one
        else:
            image = replace(one.stored.value, outputs=())
            yield replace(one, stored=replace(one.stored, value=image))


def _became_ready(before: Image, now: Image) -> bool:
    return now.state is ImageState.READY and (
        before.state is not ImageState.READY or before.generation != now.generation
    )


def _failed(before: Image, now: Image) -> bool:
    """Whether nothing could be made of the newest original, and that is news."""
    if now.failure is None or now.pending_generation:
        return False
    return (
        before.failure != now.failure
        or before.pending_generation != 0
        or before.commit_time != now.commit_time
    )
