"""The child's functions: what they emit, what they answer, and what they survive."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pyvips
from PIL import Image

from picstore_imaging import sandboxed, vips
from picstore_imaging.formats import Format
from picstore_imaging.plan import OutputSpec
from picstore_imaging.profile import Fit, FormatRule, Gravity, SizeRule
from picstore_kit.errors import PicstoreError, Reason
from tests.pictures import heic

Photo = Callable[[int, int], Image.Image]
SPEC = OutputSpec(
    format=Format.WEBP,
    width=64,
    height=48,
    fit=Fit.INSIDE,
    gravity=Gravity.CENTRE,
    density=1.0,
    quality=80,
    lossless=False,
    effort=2,
    background=None,
)


def request_of(path: Path, work_dir: Path, *specs: OutputSpec) -> dict[str, Any]:
    outputs = [{"id": f"out_{i}", "spec": spec.to_json()} for i, spec in enumerate(specs)]
    return {"path": str(path), "format": "jpeg", "work_dir": str(work_dir), "outputs": outputs}


def test_outputs_are_told_as_they_are_done_and_cheap_ones_first(
    photo: Photo, convert: Callable[..., Any], tmp_path: Path
) -> None:
    photo(400, 300).save(path := tmp_path / "a.jpg")
    formats = tuple(FormatRule(format=format) for format in (Format.AVIF, Format.WEBP, Format.JPEG))
    result = convert(path, formats=formats, sizes=(SizeRule(), SizeRule(width=200)))
    assert result.events[0]["event"] == "placeholder"
    assert result.events[0]["dominant_colour"].startswith("#")
    made = result.events[1:]
    assert [event["event"] for event in made] == ["output"] * 6
    assert [(event["format"], event["width"]) for event in made] == [
        ("jpeg", 200),
        ("webp", 200),
        ("jpeg", 400),
        ("webp", 400),
        ("avif", 200),
        ("avif", 400),
    ]
    for event in made:
        data = Path(event["path"]).read_bytes()
        assert event["bytes"] == len(data)
        assert event["sha256"] == hashlib.sha256(data).hexdigest()
    assert result.totals.keys() == {"decode_ms", "wall_ms", "cpu_ms", "peak_rss_bytes", "libvips"}
    json.dumps([result.events, result.totals])


def test_one_output_that_fails_does_not_take_the_others_with_it(
    photo: Photo, tmp_path: Path
) -> None:
    photo(64, 48).save(path := tmp_path / "a.jpg")
    impossible = replace(SPEC, width=16_384, height=1)
    events: list[dict[str, Any]] = []
    sandboxed.convert(request_of(path, tmp_path, impossible, SPEC), events.append)
    told = {event.get("id"): event for event in events}
    assert told["out_1"]["event"] == "output"
    assert told["out_0"] == {
        "event": "output_failed",
        "id": "out_0",
        "reason": "ENCODE_FAILED",
        "message": "the output could not be encoded",
    }
    assert not (tmp_path / "out_0.webp").exists()


def test_a_conversion_needs_no_output_to_give_a_placeholder(photo: Photo, tmp_path: Path) -> None:
    photo(64, 48).save(path := tmp_path / "a.jpg")
    events: list[dict[str, Any]] = []
    sandboxed.convert(request_of(path, tmp_path), events.append)
    assert [event["event"] for event in events] == ["placeholder"]


def test_work_without_an_overlay_is_a_conversion(photo: Photo, tmp_path: Path) -> None:
    photo(400, 300).save(path := tmp_path / "a.jpg")
    events: list[dict[str, Any]] = []
    answer = sandboxed.work(request_of(path, tmp_path, SPEC), events.append)
    assert [event["event"] for event in events] == ["placeholder", "output"]
    assert answer["decode_ms"] >= 0


def test_a_source_that_breaks_off_while_decoding_is_corrupt(photo: Photo, tmp_path: Path) -> None:
    photo(640, 480).save(path := tmp_path / "a.png")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = b"\0" * 64
    path.write_bytes(data)
    request = request_of(path, tmp_path, SPEC) | {"format": "png"}
    with pytest.raises(PicstoreError) as caught:
        sandboxed.convert(request, lambda event: None)
    assert caught.value.reason is Reason.IMAGE_CORRUPT
    assert str(tmp_path) not in caught.value.message


def test_limits_hold_for_a_conversion_as_well(photo: Photo, tmp_path: Path) -> None:
    photo(64, 48).save(path := tmp_path / "a.jpg")
    request = request_of(path, tmp_path, SPEC) | {"limits": {"pixels": 100}}
    with pytest.raises(PicstoreError) as caught:
        sandboxed.convert(request, lambda event: None)
    assert caught.value.reason is Reason.LIMIT_PIXELS


CHILD_WITH_LITTLE_MEMORY = """
import resource, sys
from picstore_imaging import sandboxed
from picstore_kit.errors import PicstoreError

sandboxed.vips.configure()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 40_000_000, used + 40_000_000))
try:
    request = {"path": sys.argv[1], "format": "webp", "work_dir": "/", "outputs": []}
    sandboxed.convert(request, print)
except PicstoreError as error:
    print(error.reason)
"""


def test_the_end_of_memory_is_not_called_a_fault_of_the_picture(tmp_path: Path) -> None:
    Image.new("RGB", (6000, 6000)).save(path := tmp_path / "a.webp")
    done = run_python(CHILD_WITH_LITTLE_MEMORY, str(path))
    assert done.stdout.strip() == "CHILD_MEMORY", done.stderr


def test_an_old_libvips_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vips, "version", lambda: (8, 18, 2))
    with pytest.raises(vips.LibvipsTooOld, match=r"8\.18\.2 is installed, 8\.18\.3 or later"):
        vips.configure()


@pytest.mark.parametrize("suffix", ["ppm", "svg", "jp2"])
def test_libvips_opens_nothing_but_the_accepted_formats(
    suffix: str, photo: Photo, tmp_path: Path
) -> None:
    vips.configure()
    path = tmp_path / f"a.{suffix}"
    if suffix == "svg":
        path.write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")
        vips.open_svg(path.read_bytes())
    else:
        photo(8, 8).save(path)
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_file(str(path))


def run_python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("sandboxed", "grpc"),
        ("sandboxed", "PIL"),
        ("sandboxed", "numpy"),
        ("plan", "pyvips"),
        ("profile", "pyvips"),
        ("limits", "pyvips"),
        ("sniff", "pyvips"),
        ("integrity", "pyvips"),
        ("gps", "pyvips"),
        ("repair", "pyvips"),
    ],
)
def test_modules_load_no_more_than_their_process_may(module: str, absent: str) -> None:
    program = f"import sys, picstore_imaging.{module}; sys.exit('{absent}' in sys.modules)"
    done = run_python(program)
    assert done.returncode == 0, done.stderr


FLIP_BITS = """
import random, sys
from pathlib import Path
from picstore_imaging import sandboxed
from picstore_kit.errors import PicstoreError

path, format, spec = Path(sys.argv[1]), sys.argv[2], __import__("json").loads(sys.argv[3])
data, dice, refused = path.read_bytes(), random.Random(7), 0
for round in range(150):
    damaged = bytearray(data)
    for _ in range(dice.choice((1, 4, 32))):
        damaged[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(damaged)
    request = {"path": str(path), "format": format, "work_dir": str(path.parent),
               "outputs": [{"id": "a", "spec": spec}]}
    try:
        sandboxed.probe_file({"path": str(path), "limits": {"allow_svg": True}}, print)
        sandboxed.convert(request, lambda event: None)
    except PicstoreError as error:
        assert str(path) not in error.message and "vips" not in error.message
        refused += 1
print(refused)
"""


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif", "gif", "tiff", "heic", "svg"])
def test_flipped_bits_end_in_pictures_or_in_reasons(
    format: str, photo: Photo, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    if format == "heic":
        path.write_bytes(heic(photo(64, 48)))
    elif format == "svg":
        path.write_bytes(
            b"<svg xmlns='http://www.w3.org/2000/svg' width='64' height='48' viewBox='0 0 8 6'>"
            b"<defs><linearGradient id='a'><stop offset='1' stop-color='red'/></linearGradient>"
            b"</defs><path d='M1 1L7 2L3 5z' fill='url(#a)'/></svg>"
        )
    elif format == "avif":
        image = pyvips.Image.new_from_memory(photo(64, 48).tobytes(), 64, 48, 3, "uchar")
        path.write_bytes(image.heifsave_buffer(compression="av1", effort=0))
    else:
        photo(64, 48).save(path, format)
    done = run_python(FLIP_BITS, str(path), format, json.dumps(SPEC.to_json()))
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def test_a_warm_child_has_used_every_codec() -> None:
    sandboxed.warm()
