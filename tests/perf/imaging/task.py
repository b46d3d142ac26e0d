"""Bench: the task that sharp publishes its own figures of, beside sharp: 2725 x 2225 to 720 x 588.

A JPEG in, a JPEG of quality 80 out. What sharp does not make is not counted: a child also makes
placeholders and a digest, which the second figure has. How good the pixels are is told by their
SSIM to those of a Lanczos filter over the whole picture, without any shrinking by the decoder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, Final

import pyvips
from skimage.metrics import structural_similarity

from picstore_imaging import pipeline, vips
from picstore_imaging.formats import Format
from picstore_imaging.profile import FormatRule, Profile, SizeRule
from picstore_imaging.rules import Fit
from tests.perf.imaging.peers.peer import Peer, recipes, running
from tests.perf.imaging.ways import Photo, as_child, cpu_s, cpu_s_of_all
from tests.perf.photos import task_photo
from tests.perf.tables import show

ROUNDS: Final = 25
OURS: Final = "Pic Store"
CHILD: Final = "Pic Store, with placeholders and digest"
_BATCH: Final = 5
"""Outputs in a row for each sample, since thumbor's CPU time is counted in steps of 10 ms."""

_PROFILE: Final = Profile(
    formats=(FormatRule(format=Format.JPEG, quality=80),),
    sizes=(SizeRule(width=720, height=588, fit=Fit.FILL),),
)


def run() -> dict[str, float]:
    """Measure, print a table, and return `sharp_task_cpu_ratio` and more.

    Raises:
        NoPhotos: The folder of photos has none.
        PeerFailed: A peer that is installed does not work.
    """
    vips.configure()
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        work_dir = Path(directory)
        photo = Photo.plan(task_photo(work_dir), _PROFILE)
        known = recipes()
        peers = [stack.enter_context(running(recipe)) for recipe in known if recipe.absent is None]
        ours = work_dir / "ours-0.jpg"
        ways: dict[str, Callable[[], float]] = {
            OURS: lambda: cpu_s(lambda: _convert(photo, ours)),
            CHILD: lambda: cpu_s(lambda: as_child(photo, work_dir)),
        }
        made = {OURS: ours, CHILD: ours}
        for peer in peers:
            ways[peer.name] = _by_peer(peer, photo, work_dir)
            made[peer.name] = peer.path(work_dir, 0, photo.specs[0])
        cpu_s_of_all(list(ways.values()), 2)  # caches and just-in-time compilers
        samples = cpu_s_of_all(list(ways.values()), ROUNDS)
        cpu_ms = {name: 1000 * median(taken) for name, taken in zip(ways, samples, strict=True)}
        reference = _reference(photo)
        alike = {name: _ssim(reference, path) for name, path in made.items()}
        sizes = {name: path.stat().st_size for name, path in made.items()}
    rows = [
        (
            name,
            f"{cpu_ms[name]:.1f}",
            f"{cpu_ms[OURS] / cpu_ms[name]:.2f}",
            f"{alike[name]:.4f}",
            f"{sizes[name]:,}",
        )
        for name in ways
    ]
    rows += [
        (f"{recipe.name} is absent: {recipe.absent}", "", "", "", "")
        for recipe in known
        if recipe.absent is not None
    ]
    show(
        f"sharp's task: {photo.path.name}, {photo.size.width} x {photo.size.height}, to a JPEG of "
        f"720 x 588, medians of {ROUNDS} rounds",
        ("way", "CPU ms", "Pic Store to it", "SSIM", "bytes"),
        rows,
    )
    figures = {"sharp_task_ours_cpu_ms": cpu_ms[OURS], "sharp_task_ours_ssim": alike[OURS]}
    if "sharp" in cpu_ms:
        figures |= {
            "sharp_task_cpu_ratio": cpu_ms[OURS] / cpu_ms["sharp"],
            "sharp_task_child_cpu_ratio": cpu_ms[CHILD] / cpu_ms["sharp"],
            "sharp_task_sharp_ssim": alike["sharp"],
        }
    return figures


def _convert(photo: Photo, path: Path) -> None:
    """Decode and make the output, as the child does."""
    decoded = pipeline.decode(photo.path, photo.probe, photo.specs)
    pipeline.make(decoded, photo.size, photo.specs[0], path)


def _by_peer(peer: Peer, photo: Photo, work_dir: Path) -> Callable[[], float]:
    specs = photo.specs * _BATCH
    return lambda: peer.cpu_ms(photo.path, specs, work_dir) / 1000 / _BATCH


def _reference(photo: Photo) -> Any:
    spec = photo.specs[0]
    whole = pyvips.Image.jpegload(str(photo.path)).copy_memory()
    return _luma(
        whole.resize(spec.width / whole.width, vscale=spec.height / whole.height, kernel="lanczos3")
    )


def _ssim(reference: Any, path: Path) -> float:
    score = structural_similarity(  # type: ignore[no-untyped-call]  # scikit-image types in part
        reference,
        _luma(pyvips.Image.jpegload(str(path))),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    return float(score)


def _luma(image: pyvips.Image) -> Any:
    return image.colourspace("b-w").numpy()
