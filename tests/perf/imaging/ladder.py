"""Bench: one photo into 6 widths x 3 formats, beside the codecs alone and beside others.

Beside what the codecs take at least: one bare decode, and each encoder on pixels that are there.
Beside the naive way: a `thumbnail`, and so a decode, for each output. And beside other software in
its usual way, a pipeline for each output. All have the same sizes, qualities and efforts, and one
thread; they run in turn, and medians of their CPU time are compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from picstore_imaging import vips
from picstore_imaging.encoders import svt
from picstore_imaging.formats import Format
from picstore_imaging.profile import FormatRule, Profile, SizeRule
from picstore_imaging.rules import Chroma, EncoderOptions
from tests.perf.imaging.peers.peer import Peer, Recipe, recipes, running
from tests.perf.imaging.ways import (
    Photo,
    as_child,
    bare_decode,
    cpu_s,
    cpu_s_of_all,
    encoders_alone,
    naively,
)
from tests.perf.photos import photos
from tests.perf.tables import show

WIDTHS: Final = (320, 640, 960, 1280, 1920, 2560)
ROUNDS: Final = 3

OURS: Final = "Pic Store"
DECODE: Final = "one bare decode"
ENCODERS: Final = "encoders alone"
NAIVE: Final = "naive pyvips"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """A profile, and who is measured at it."""

    name: str
    suffix: str
    """Of the figures' names."""
    avif: FormatRule
    naive: bool
    """Whether to measure the naive way, too."""
    peers: Sequence[str]
    """Those measured in every round."""
    once: Sequence[str] = ()
    """Those far behind, for whom one round is enough."""

    @property
    def profile(self) -> Profile:
        """JPEG and WebP at their defaults, and this AVIF."""
        formats = (FormatRule(format=Format.JPEG), FormatRule(format=Format.WEBP), self.avif)
        return Profile(formats=formats, sizes=tuple(SizeRule(width=width) for width in WIDTHS))


QUICK: Final = Ladder(
    # What all spend alike hides what a shared decode saves, and at its default effort the encoder
    # of AVIF takes half of all the time; so it is this one that the goals are measured at.
    name="AVIF at effort 1, by SVT-AV1",
    suffix="",
    avif=FormatRule(format=Format.AVIF, effort=1),
    naive=True,
    peers=("sharp",),
)
DEFAULT: Final = Ladder(
    name="all at the default efforts, AVIF by SVT-AV1",
    suffix="_default",
    avif=FormatRule(format=Format.AVIF),
    naive=False,
    peers=("sharp",),
    once=("Pillow", "thumbor"),
)
SAME_ENCODER: Final = Ladder(
    name="AVIF at effort 0 and 4:4:4, which all make by libaom",
    suffix="_aom",
    avif=FormatRule(format=Format.AVIF, effort=0, options=EncoderOptions(chroma=Chroma.FULL)),
    naive=False,
    peers=("sharp",),
)

Seconds = Mapping[str, float]
"""CPU seconds for all photos, the medians of each, by who took them."""


def run() -> dict[str, float]:
    """Measure, print a table for each ladder, and return `ladder_cpu_ratio_*` and more.

    Raises:
        NoPhotos: None of the photos named fits.
        PeerFailed: A peer that is installed does not work.
    """
    vips.configure()
    svt.configure()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        work_dir = Path(directory)
        known = recipes()
        peers = {
            recipe.name: stack.enter_context(running(recipe))
            for recipe in known
            if recipe.absent is None
        }
        paths = photos(work_dir)
        for ladder in (QUICK, DEFAULT, SAME_ENCODER):
            planned = [Photo.plan(path, ladder.profile) for path in paths]
            seconds = _measure(ladder, planned, peers, work_dir)
            _show(ladder, planned, seconds, peers, known)
            figures |= _figures(ladder, seconds, len(planned))
    return figures


def _measure(
    ladder: Ladder, planned: Sequence[Photo], peers: Mapping[str, Peer], work_dir: Path
) -> Seconds:
    total: dict[str, float] = {}
    for photo in planned:
        ways = _ways(photo, work_dir, naive=ladder.naive)
        ways |= _by_peers(ladder.peers, peers, photo, work_dir)
        once = _by_peers(ladder.once, peers, photo, work_dir)
        for group, rounds in ((ways, ROUNDS), (once, 1)):
            samples = cpu_s_of_all(list(group.values()), rounds)
            for name, taken in zip(group, samples, strict=True):
                total[name] = total.get(name, 0.0) + median(taken)
    return total


def _ways(photo: Photo, work_dir: Path, *, naive: bool) -> dict[str, Callable[[], float]]:
    encode = encoders_alone(photo, work_dir)
    ways: dict[str, Callable[[], float]] = {
        OURS: lambda: cpu_s(lambda: as_child(photo, work_dir)),
        DECODE: lambda: cpu_s(lambda: bare_decode(photo)),
        ENCODERS: lambda: cpu_s(encode),
    }
    if naive:
        ways[NAIVE] = lambda: cpu_s(lambda: naively(photo, work_dir))
    return ways


def _by_peers(
    names: Sequence[str], peers: Mapping[str, Peer], photo: Photo, work_dir: Path
) -> dict[str, Callable[[], float]]:
    return {name: _by_peer(peers[name], photo, work_dir) for name in names if name in peers}


def _by_peer(peer: Peer, photo: Photo, work_dir: Path) -> Callable[[], float]:
    return lambda: peer.cpu_ms(photo.path, photo.specs, work_dir) / 1000


def _figures(ladder: Ladder, seconds: Seconds, count: int) -> dict[str, float]:
    ours = seconds[OURS]
    figures = {
        "ladder_cpu_ratio_codecs": ours / (seconds[DECODE] + seconds[ENCODERS]),
        "ladder_cpu_s": ours / count,
    }
    named = {NAIVE: "naive"} | {name: name.lower() for name in (*ladder.peers, *ladder.once)}
    for name, short in named.items():
        if name in seconds:
            figures[f"ladder_cpu_ratio_{short}"] = ours / seconds[name]
    return {f"{name}{ladder.suffix}": value for name, value in figures.items()}


def _show(
    ladder: Ladder,
    planned: Sequence[Photo],
    seconds: Seconds,
    peers: Mapping[str, Peer],
    known: Sequence[Recipe],
) -> None:
    count = len(planned)
    rows = [_row(name, taken, seconds[OURS], count, peers) for name, taken in seconds.items()]
    least = seconds[DECODE] + seconds[ENCODERS]
    rows.insert(3, _row("  both together", least, seconds[OURS], count, peers))
    rows += [
        (f"{recipe.name} is absent: {recipe.absent}", "", "")
        for recipe in known
        if recipe.name in (*ladder.peers, *ladder.once) and recipe.absent is not None
    ]
    sizes = ", ".join(f"{photo.megapixels:.0f}" for photo in planned)
    show(
        f"Ladder of {len(WIDTHS)} widths x 3 formats: {ladder.name}; photos of {sizes} MP, "
        f"medians of {ROUNDS} rounds",
        ("way", "CPU s a photo", "Pic Store to it"),
        rows,
    )


def _row(
    name: str, taken: float, ours: float, count: int, peers: Mapping[str, Peer]
) -> tuple[str, ...]:
    shown = f"{name} {peers[name].version}" if name in peers else name
    return shown, f"{taken / count:.2f}", f"{ours / taken:.2f}"
