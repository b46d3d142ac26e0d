"""Ways to make the outputs of a photo in this process, on one thread, and what each costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips

from picstore_imaging import encoders, pipeline, sandboxed
from picstore_imaging.avif import AvifEncoder, settings
from picstore_imaging.encoders import avif, svt
from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format
from picstore_imaging.geometry import Size
from picstore_imaging.plan import plan_outputs
from picstore_imaging.profile import Profile
from picstore_imaging.spec import OutputSpec
from picstore_kit.sandbox.pool import Room


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A photo with the outputs that a profile plans of it."""

    path: Path
    probe: Probe
    specs: tuple[OutputSpec, ...]

    @classmethod
    def plan(cls, path: Path, profile: Profile) -> Photo:
        """Read its header and plan; raises what `probe_file` raises."""
        probe = Probe.from_json(sandboxed.probe_file({"path": str(path)}, ignore))
        specs = tuple(output.spec for output in plan_outputs(profile, probe.facts()))
        return cls(path=path, probe=probe, specs=specs)

    @property
    def size(self) -> Size:
        """In pixels, upright."""
        return Size(self.probe.width, self.probe.height)

    @property
    def megapixels(self) -> float:
        """In millions of pixels."""
        return self.probe.width * self.probe.height / 1e6

    def request_in(self, room: Room) -> dict[str, Any]:
        """What a converter asks of a child, which is given the photo."""
        return self.request(room.made) | {"path": str(room.give(self.path, "source"))}

    def request(self, work_dir: Path) -> dict[str, Any]:
        """What a converter asks of a child."""
        return {
            "path": str(self.path),
            "format": self.probe.format.value,
            "work_dir": str(work_dir),
            "outputs": [
                {"id": f"ours-{index}", "spec": spec.to_json()}
                for index, spec in enumerate(self.specs)
            ],
        }


def as_child(photo: Photo, work_dir: Path) -> None:
    """Convert exactly as a child does: headers, placeholders, digests and all."""
    sandboxed.convert(photo.request(work_dir), ignore)


def bare_decode(photo: Photo) -> None:
    """Decode the whole JPEG into memory, and nothing else."""
    pyvips.Image.jpegload(str(photo.path), access="sequential").copy_memory()


def encoders_alone(photo: Photo, work_dir: Path) -> Callable[[], None]:
    """Return what encodes every output from its pixels, which are made before, and nothing else."""
    decoded = pipeline.decode(photo.path, photo.probe, photo.specs)
    pictures = [
        decoded.ladder.rung(pipeline.whole_size(spec, photo.size)).copy_memory()
        for spec in photo.specs
    ]

    def encode() -> None:
        for picture, spec in zip(pictures, photo.specs, strict=True):
            _encode(picture, spec, work_dir / f"alone.{spec.format.extension}")

    return encode


def _encode(picture: pyvips.Image, spec: OutputSpec, path: Path) -> None:
    if spec.format is not Format.AVIF:
        encoders.save(picture, path, spec)
        return
    chosen = settings(spec)
    if chosen.encoder is AvifEncoder.SVT and chosen.quality is not None:
        path.write_bytes(svt.encode(picture, preset=chosen.speed, quality=chosen.quality))
    else:
        picture.heifsave(str(path), **avif.options(chosen))


def naively(photo: Photo, work_dir: Path) -> None:
    """Do what a program of a dozen lines does with pyvips: a `thumbnail` for each output."""
    for spec in photo.specs:
        image = pyvips.Image.thumbnail(
            str(photo.path), spec.width, height=spec.height, size="force"
        )
        encoders.save(image, work_dir / f"naive.{spec.format.extension}", spec)


def cpu_s(action: Callable[[], None]) -> float:
    """CPU seconds of this process that `action` takes."""
    began = time.process_time()
    action()
    return time.process_time() - began


def cpu_s_of_all(actions: Sequence[Callable[[], float]], rounds: int) -> list[list[float]]:
    """Run all in turn, as many times over, so that what else goes on disturbs all alike."""
    samples: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for index, action in enumerate(actions):
            samples[index].append(action())
    return samples


def ignore(event: dict[str, Any]) -> None:
    """Take the place of the pipe to the parent."""
