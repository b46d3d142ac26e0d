"""The two functions that a sandboxed child runs: probe a file, and convert one.

Their requests, events and answers are JSON objects, for they cross a pipe; what is wrong with the
picture crosses as a `PicstoreError`, whose message holds no path and no word of libvips.
"""

from __future__ import annotations

import hashlib
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from picstore_imaging import heic, pipeline, vips
from picstore_imaging.encoders import automatic, svt
from picstore_imaging.formats import SourceFormat
from picstore_imaging.geometry import Size
from picstore_imaging.limits import Limits
from picstore_imaging.placeholder import placeholder
from picstore_imaging.probe import probe
from picstore_imaging.sniff import HEAD_BYTES, recognise
from picstore_imaging.spec import OutputSpec
from picstore_kit.errors import PicstoreError

Emit = Callable[[dict[str, Any]], None]

_KIB: Final = 1024


def warm() -> None:
    """Load every codec, so that no call waits for it and none needs a file once confined."""
    vips.configure()
    vips.exercise()
    svt.exercise()
    automatic.exercise()
    heic.configure()


def probe_file(request: Mapping[str, Any], emit: Emit) -> dict[str, Any]:
    """Answer with the `Probe` of `request["path"]`, as JSON; emits nothing.

    `declared_type` (a content type, optional) must agree with the content; `limits` (optional) are
    `Limits` as JSON. Raises what `recognise` and `probe` raise.
    """
    vips.configure()
    path = Path(request["path"])
    limits = _limits(request)
    with path.open("rb") as file:
        source_format = recognise(
            file.read(HEAD_BYTES), request.get("declared_type"), allow_svg=limits.allow_svg
        )
    return probe(path, source_format, limits).to_json()


def convert(request: Mapping[str, Any], emit: Emit) -> dict[str, Any]:
    """Make every output of `request["outputs"]`, each `{"id", "spec"}`, of the file at `path`.

    An output may say, as `after`, which other one is to be told of before it; and, as
    `start_quality`, where the search for an automatic quality is to begin. `only`, where it is
    given, names those that are made; the others say no more than how far to decode.
    `format` is what the probe said; `limits` are optional, as for `probe_file`. Each output is
    written to `work_dir` and told at once: first a `placeholder` event, then for each output, cheap
    ones first, `output` (`id, path, format, width, height, bytes, sha256, wall_ms, cpu_ms` and a
    `Recipe` as `recipe`) or `output_failed` (`id, reason, message`). Answers with the totals, where
    `peak_rss_bytes` is of the process since it began, or since its parent had that forgotten.

    Raises `IMAGE_*` and `LIMIT_*` where no output can be made of the source at all.
    """
    vips.configure()
    clock = _Clock()
    path, work_dir = Path(request["path"]), Path(request["work_dir"])
    probed = probe(path, SourceFormat(request["format"]), _limits(request))
    source = Size(probed.width, probed.height)
    ids = [output["id"] for output in request["outputs"]]
    specs = [OutputSpec.from_json(output["spec"]) for output in request["outputs"]]
    decoded = pipeline.decode(path, probed, specs)
    decode_ms, decode_cpu_ms = clock.wall_ms(), clock.cpu_ms() / max(len(specs), 1)
    shown = placeholder(decoded.ladder, source)
    emit(
        {
            "event": "placeholder",
            "thumbhash": shown.thumbhash,
            "dominant_colour": shown.dominant_colour,
            "palette": list(shown.palette),
            "preview": shown.preview,
        }
    )
    starts = [output.get("start_quality") for output in request["outputs"]]
    only = frozenset(request.get("only", ids))
    for index in pipeline.cheap_first(specs, decoded.frames, _after(request)):
        if ids[index] not in only:
            continue
        emit(
            _output(
                decoded,
                source,
                ids[index],
                specs[index],
                work_dir,
                decode_cpu_ms=decode_cpu_ms,
                start_quality=starts[index],
            )
        )
    return {
        "decode_ms": decode_ms,
        "wall_ms": clock.wall_ms(),
        "cpu_ms": clock.cpu_ms(),
        "peak_rss_bytes": _peak_rss_bytes(),
        "libvips": ".".join(map(str, vips.version())),
    }


def _output(
    decoded: pipeline.Decoded,
    source: Size,
    output_id: str,
    spec: OutputSpec,
    work_dir: Path,
    *,
    decode_cpu_ms: float,
    start_quality: int | None,
) -> dict[str, Any]:
    """Make one output; that it failed is an event as well, for the others may succeed."""
    clock = _Clock()
    path = work_dir / f"{output_id}.{spec.format.extension}"
    try:
        recipe = pipeline.make(decoded, source, spec, path, start_quality=start_quality)
    except PicstoreError as error:
        return {
            "event": "output_failed",
            "id": output_id,
            "reason": error.reason.value,
            "message": error.message,
        }
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "event": "output",
        "id": output_id,
        "path": str(path),
        "format": spec.format.value,
        "width": spec.width,
        "height": spec.height,
        "bytes": path.stat().st_size,
        "sha256": sha256,
        "wall_ms": clock.wall_ms(),
        "cpu_ms": clock.cpu_ms(),
        "recipe": replace(
            recipe,
            cpu_ms=round(clock.cpu_ms()),
            decode_cpu_ms=round(decode_cpu_ms),
            peak_rss_bytes=_peak_rss_bytes(),
        ).to_json(),
    }


def _peak_rss_bytes() -> int:
    """Of this process, since it began or its parent last had the kernel forget it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB


def _after(request: Mapping[str, Any]) -> dict[int, int]:
    """Read which outputs wait for which others, as indexes."""
    places = {output["id"]: index for index, output in enumerate(request["outputs"])}
    return {
        index: places[output["after"]]
        for index, output in enumerate(request["outputs"])
        if output.get("after") in places
    }


def _limits(request: Mapping[str, Any]) -> Limits:
    return Limits.from_json(request.get("limits") or {})


class _Clock:
    """Wall time and this process's CPU time, in milliseconds, since it was made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def wall_ms(self) -> float:
        return round((time.perf_counter() - self._wall) * 1000, 2)

    def cpu_ms(self) -> float:
        return round((time.process_time() - self._cpu) * 1000, 2)
