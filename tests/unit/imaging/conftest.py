"""Generated pictures, and one way to convert them as a sandboxed child would."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
from PIL import Image

from picstore_imaging import sandboxed
from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format
from picstore_imaging.geometry import Point
from picstore_imaging.plan import OutputSpec, plan_outputs
from picstore_imaging.profile import FormatRule, Profile, SizeRule, validate
from picstore_imaging.rules import Fit, Gravity
from tests.profiles import matrix_profile as build_profile

Pixels = npt.NDArray[np.uint8]

AVIF_SPEC: Final = OutputSpec(
    format=Format.AVIF,
    width=320,
    height=200,
    fit=Fit.INSIDE,
    gravity=Gravity.CENTRE,
    density=1.0,
    quality=66,
    lossless=False,
    effort=3,
    background=None,
)


@pytest.fixture(scope="session")
def photo() -> Callable[[int, int], Image.Image]:
    """Draw something that compresses and scales like a photo: 1/f noise with hard edges on it."""

    def draw(width: int, height: int) -> Image.Image:
        random = np.random.default_rng(width * 100_003 + height)
        total = np.zeros((height, width, 3), np.float32)
        for octave in range(1, 9):
            light = random.random((2**octave, 2**octave, 1), np.float32) - 0.5
            colour = random.random((2**octave, 2**octave, 3), np.float32) - 0.5
            cells = light * 200 + colour * 50
            noise = Image.fromarray((cells + 128).clip(0, 255).astype(np.uint8))
            scaled = noise.resize((width, height), Image.Resampling.BICUBIC)
            total += (np.asarray(scaled, np.float32) - 128) / octave
        y, x = np.mgrid[:height, :width]
        disc = (x - width * 0.6) ** 2 + (y - height * 0.4) ** 2 < (min(width, height) / 4) ** 2
        total[disc] += 60
        return Image.fromarray((total + 120).clip(0, 255).astype(np.uint8))

    return draw


def difference(one: Pixels, other: Pixels) -> float:
    """The mean absolute difference of two pictures of the same shape."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean())


@dataclass(frozen=True, slots=True)
class Converted:
    """What a conversion told."""

    events: list[dict[str, Any]]
    totals: dict[str, Any]

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The `output` events, in the order of the request."""
        made = [event for event in self.events if event["event"] == "output"]
        return sorted(made, key=lambda event: int(event["id"]))

    @property
    def paths(self) -> list[Path]:
        return [Path(event["path"]) for event in self.outputs]


class Convert(Protocol):
    """Convert a file by rules or by a finished profile."""

    def __call__(
        self,
        path: Path,
        *,
        formats: tuple[FormatRule, ...] = (),
        sizes: tuple[SizeRule, ...] = (SizeRule(),),
        background: str = "#ffffff",
        **policies: Any,
    ) -> Converted: ...


@pytest.fixture
def probe() -> Callable[..., Probe]:
    def run(path: Path, **request: Any) -> Probe:
        return Probe.from_json(sandboxed.probe_file({"path": str(path), **request}, _no_event))

    return run


@pytest.fixture
def convert(tmp_path: Path, probe: Callable[..., Probe]) -> Convert:
    def run(
        path: Path,
        *,
        formats: tuple[FormatRule, ...] = (),
        sizes: tuple[SizeRule, ...] = (SizeRule(),),
        background: str = "#ffffff",
        focal_point: Point | None = None,
        start_quality: int | None = None,
        **policies: Any,
    ) -> Converted:
        profile = Profile(formats=formats, sizes=sizes, background=background, **policies)
        validate(profile)
        probed = probe(path)
        planned = plan_outputs(profile, probed.facts(), focal_point=focal_point)
        return run_conversion(
            path,
            probed,
            [o.spec for o in planned if o.skipped is None],
            tmp_path / "outputs",
            start_quality=start_quality,
        )

    return run


def run_conversion(
    path: Path,
    probed: Probe,
    specs: list[OutputSpec],
    work_dir: Path,
    *,
    start_quality: int | None = None,
) -> Converted:
    work_dir.mkdir(exist_ok=True)
    request = {
        "path": str(path),
        "format": probed.format.value,
        "work_dir": str(work_dir),
        "outputs": [
            {"id": str(i), "spec": spec.to_json(), "start_quality": start_quality}
            for i, spec in enumerate(specs)
        ],
    }
    events: list[dict[str, Any]] = []
    return Converted(events=events, totals=sandboxed.convert(request, events.append))


def _no_event(event: Mapping[str, Any]) -> None:
    raise AssertionError(f"a probe emitted {event}")


@pytest.fixture(scope="session")
def exif() -> Callable[..., bytes]:
    """Build an EXIF block: an orientation, a copyright, and the place it was taken at."""

    def build(*, orientation: int = 1) -> bytes:
        copyright = b"(c) somebody\0\0"
        entries = [
            struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0),
            struct.pack("<HHII", 0x8298, 2, len(copyright), 50),
            struct.pack("<HHII", 0x8825, 4, 1, 50 + len(copyright)),
        ]
        latitude = struct.pack("<HHI4s", 0x0001, 2, 2, b"N\0")
        return (
            b"Exif\0\0II*\0\x08\0\0\0"
            + struct.pack("<H", len(entries))
            + b"".join(entries)
            + b"\0" * 4
            + copyright
            + struct.pack("<H", 1)
            + latitude
            + b"\0" * 4
        )

    return build


@pytest.fixture(scope="session")
def decoded() -> Callable[[Path], Pixels]:
    """Decode an output to 8-bit pixels, AVIF by libvips and all else by Pillow."""

    def decode(path: Path) -> Pixels:
        if path.suffix == ".avif":
            pixels = np.asarray(pyvips.Image.heifload(str(path)).numpy())
            return (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels
        with Image.open(path) as image:
            return np.asarray(image)

    return decode


@pytest.fixture(scope="session")
def matrix_profile() -> Callable[[str, tuple[tuple[float, float, float], ...]], bytes]:
    """Build an ICC profile of three primaries."""
    return build_profile
