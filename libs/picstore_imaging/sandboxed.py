"""The functions that a sandboxed child runs: probe a file, convert one, and draw over one.

Their requests, events and answers are JSON objects, for they cross a pipe; what is wrong with the
picture crosses as a `PicstoreError`, whose message holds no path and no word of libvips.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from picstore_imaging import heic, jpeg, pipeline, vips
from picstore_imaging.encoders import automatic, svt
from picstore_imaging.encoders.used import by_libvips, told
from picstore_imaging.fonts import directories
from picstore_imaging.formats import SourceFormat
from picstore_imaging.geometry import Point, Size
from picstore_imaging.limits import Limits
from picstore_imaging.overlay import fontconfig
from picstore_imaging.overlay.fonts import families, origins
from picstore_imaging.overlay.pictures import Picture
from picstore_imaging.overlay.recipe import recipe_of
from picstore_imaging.overlay.render import render
from picstore_imaging.overlay.template import Overlay
from picstore_imaging.placeholder import placeholder
from picstore_imaging.probe import probe
from picstore_imaging.sniff import HEAD_BYTES, recognise
from picstore_imaging.spec import OutputSpec
from picstore_kit.errors import PicstoreError
from picstore_kit.sandbox.peak import peak_rss_bytes

Emit = Callable[[dict[str, Any]], None]

_OVERLAY_EFFORT: Final = 3
"""zlib's level for a picture that is an original from then on; 6 saves 2 % and takes twice as long.
"""


def warm() -> None:
    """Load every codec, so that no call waits for it and none needs a file once confined.

    Fonts are read when they are drawn with; here only which there are.
    """
    vips.configure()
    fontconfig.load(os.environ)
    vips.exercise()
    svt.exercise()
    automatic.exercise()
    heic.configure()
    jpeg.exercise()


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
    return {"decode_ms": decode_ms, **_totals(clock)}


def work(request: Mapping[str, Any], emit: Emit) -> dict[str, Any]:
    """Do what the request is for: `render_overlay` where it has an `overlay`, else `convert`.

    So one pool of children does both.
    """
    return (render_overlay if "overlay" in request else convert)(request, emit)


def render_overlay(request: Mapping[str, Any], emit: Emit) -> dict[str, Any]:
    """Draw `request["overlay"]`, a filled template as JSON, over the file at `path`; emits nothing.

    `format` is what the probe said of it; `images` are the pictures of the layers by id, each
    `{"path", "format"}`; `limits` (optional) are for all of them. `focal_point` (optional) is that
    of the base picture, `[x, y]`. What comes out is written to `output`, as a PNG of 8 bits in
    sRGB. Answers with `path, width, height, has_alpha, bytes, sha256`, a `Recipe` as `recipe`, and
    the totals as `convert`.

    Raises `IMAGE_*`, `LIMIT_*`, `FONT_UNKNOWN`, `TEXT_OVERFLOWS` and `ENCODE_FAILED`.
    """
    vips.configure()
    clock = _Clock()
    limits, output = _limits(request), Path(request["output"])
    point = request.get("focal_point")
    images = {
        image_id: (Path(image["path"]), SourceFormat(image["format"]))
        for image_id, image in request.get("images", {}).items()
    }
    overlay = Overlay.from_json(request["overlay"])
    base = Picture.of(Path(request["path"]), SourceFormat(request["format"]), limits)
    layers = {
        image_id: Picture.of(path, source_format, limits)
        for image_id, (path, source_format) in images.items()
    }
    places = directories(os.environ)
    image = render(
        overlay,
        base,
        layers.__getitem__,
        focal_point=None if point is None else Point(*map(float, point)),
        families=families(places),
    )
    options = {"compression": _OVERLAY_EFFORT, "filter": "all"}
    with vips.encode_failed_on_error():
        image.pngsave(str(output), keep="none", **options)
    recipe = recipe_of(
        overlay,
        base,
        layers.__getitem__,
        Size(image.width, image.height),
        by_libvips("libpng", told(options)),
        effort=_OVERLAY_EFFORT,
        origins=origins(places),
    )
    return {
        "path": str(output),
        "width": image.width,
        "height": image.height,
        "has_alpha": bool(image.hasalpha()),
        "recipe": replace(
            recipe, cpu_ms=round(clock.cpu_ms()), peak_rss_bytes=peak_rss_bytes()
        ).to_json(),
        **_file(output),
        **_totals(clock),
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
    return {
        "event": "output",
        "id": output_id,
        "path": str(path),
        "format": spec.format.value,
        "width": spec.width,
        "height": spec.height,
        **_file(path),
        "wall_ms": clock.wall_ms(),
        "cpu_ms": clock.cpu_ms(),
        "recipe": replace(
            recipe,
            cpu_ms=round(clock.cpu_ms()),
            decode_cpu_ms=round(decode_cpu_ms),
            peak_rss_bytes=peak_rss_bytes(),
        ).to_json(),
    }


def _file(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": sha256}


def _totals(clock: _Clock) -> dict[str, Any]:
    return {
        "wall_ms": clock.wall_ms(),
        "cpu_ms": clock.cpu_ms(),
        "peak_rss_bytes": peak_rss_bytes(),
        "libvips": ".".join(map(str, vips.version())),
    }


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
