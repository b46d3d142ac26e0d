"""A confined child, which may open no file of the system, has all that it reads sources with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import pyvips
from PIL import Image

from picstore_imaging.facts import Probe
from picstore_imaging.fonts import CHILD_ENVIRONMENT
from picstore_imaging.formats import Format
from picstore_imaging.limits import Limits
from picstore_imaging.plan import plan_outputs
from picstore_imaging.profile import FormatRule, Profile, SizeRule
from picstore_kit.sandbox.pool import ChildPool, Room, SandboxLimits
from tests.pictures import animation, drawing, heic

PROBE: Final = SandboxLimits(memory_bytes=1024**3, wall_s=20)
CONVERT: Final = SandboxLimits(memory_bytes=2 * 1024**3, wall_s=60)
LIMITS: Final = replace(Limits(), allow_svg=True)

TEXT: Final = (
    b"<svg xmlns='http://www.w3.org/2000/svg' width='400' height='300'>"
    b"<text x='20' y='200' font-size='150'>Text</text></svg>"
)


def avif() -> bytes:
    picture = pyvips.Image.new_from_array(np.asarray(drawing(400, 300, seed="confined")))
    data: bytes = picture.heifsave_buffer(compression="av1", effort=0)
    return data.replace(b"ftypavif\0\0\0\0mif1avifmiaf", b"ftypmif1\0\0\0\0miafmiafmiaf")


SOURCES: Final[dict[str, Callable[[], bytes]]] = {
    "heic": lambda: heic(drawing(400, 300, seed="confined")),
    "large heic": lambda: heic(drawing(400, 300, seed="confined").resize((4_000, 3_000))),
    "avif with other brands": avif,
    "apng": lambda: animation(
        [drawing(400, 300, seed=f"confined {number}") for number in range(3)], "PNG"
    ),
    "long animation": lambda: animation(
        [drawing(480, 360, seed=f"confined {number % 5}") for number in range(100)], "GIF"
    ),
    "animated gif": lambda: animation(
        [drawing(400, 300, seed=f"confined {number}") for number in range(3)], "GIF"
    ),
}


def check(directory: Path, *, drawn: bool) -> None:
    """See that there is every output, and something in the PNG."""
    made = sorted(directory.glob("?.*"))
    assert [file.suffix for file in made] == [".jpg", ".png", ".webp", ".avif"]
    with Image.open(made[1]) as picture:
        assert picture.size == (200, 150)
        inked = np.asarray(picture.convert("RGBA"))[..., 3] > 128
    assert 0.02 < inked.mean() < 0.6 if drawn else inked.all()


@pytest.mark.parametrize("name", [*SOURCES, "drawing with text"])
async def test_a_confined_child_reads_it(name: str, tmp_path: Path) -> None:
    (rooms := tmp_path / "rooms").mkdir()
    (path := tmp_path / "source").write_bytes(SOURCES.get(name, lambda: TEXT)())
    async with ChildPool(
        target="picstore_imaging.sandboxed:probe_file",
        size=1,
        limits=PROBE,
        work_dir=rooms,
        env=CHILD_ENVIRONMENT,
    ) as pool:
        answer = await pool.result(
            lambda room: {"path": str(room.give(path, "source")), "limits": LIMITS.to_json()}
        )
    probed = Probe.from_json(answer)
    profile = Profile(
        formats=tuple(FormatRule(format=format) for format in Format), sizes=(SizeRule(width=200),)
    )
    outputs = [
        {"id": str(index), "spec": planned.spec.to_json()}
        for index, planned in enumerate(plan_outputs(profile, probed.facts()))
    ]
    async with ChildPool(
        target="picstore_imaging.sandboxed:convert",
        size=1,
        limits=CONVERT,
        work_dir=rooms,
        env=CHILD_ENVIRONMENT,
    ) as pool:
        used: list[Room] = []

        def request_for(room: Room) -> dict[str, Any]:
            used.append(room)
            return {
                "path": str(room.give(path, "source")),
                "format": probed.format.value,
                "work_dir": str(room.made),
                "outputs": outputs,
            }

        async with aclosing(pool.call(request_for)) as messages:
            async for message in messages:
                totals = message
                if "event" not in message:
                    check(used[0].made, drawn=name == "drawing with text")
    assert totals["peak_rss_bytes"] < CONVERT.memory_bytes
