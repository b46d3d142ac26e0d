"""Pillow's usual way: each output is opened, scaled by `draft` and Lanczos, and saved.

Reads requests and writes answers as lines of JSON; `peer` says what is in them.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Final

import PIL
from PIL import Image

_FASTEST: Final = 9
"""Pillow counts speed, 9 being libvips's effort 0."""


def make(source: str, output: dict[str, Any]) -> None:
    """Make one output."""
    size = (output["width"], output["height"])
    with Image.open(source) as opened:
        opened.draft("RGB", size)
        scaled = opened.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    scaled.save(output["path"], **_options(output))


def _options(output: dict[str, Any]) -> dict[str, Any]:
    quality, effort = output["quality"], output["effort"]
    match output["format"]:
        case "jpeg":
            return {"format": "JPEG", "quality": quality, "optimize": True}
        case "webp":
            return {"format": "WEBP", "quality": quality, "method": effort}
        case _:
            return {
                "format": "AVIF",
                "quality": quality,
                "speed": _FASTEST - effort,
                "subsampling": "4:4:4" if output["fullChroma"] else "4:2:0",
                "max_threads": 1,
            }


def main() -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin:
        request = json.loads(line)
        began = time.process_time()
        for output in request["outputs"]:
            make(request["source"], output)
        answer = {"cpu_ms": (time.process_time() - began) * 1000, "version": PIL.__version__}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
