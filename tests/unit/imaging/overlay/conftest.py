"""Drawing overlays in this process as a sandboxed child would, and looking at what comes out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from picstore_imaging import sandboxed
from picstore_imaging.overlay import fontconfig
from picstore_imaging.overlay.template import Canvas, Layer, Overlay

Pixels = npt.NDArray[np.uint8]
Extent = Callable[..., tuple[int, int, int, int]]
PLAIN = Canvas()

# Whatever draws the first letter of a process decides where it finds fonts.
fontconfig.load(os.environ)


class Draw(Protocol):
    """Draw layers over a picture and return what Pillow makes of the file: RGB or RGBA."""

    def __call__(
        self,
        *layers: Layer,
        base: Image.Image | None = None,
        canvas: Canvas = ...,
        images: dict[str, Image.Image] | None = None,
        **request: Any,
    ) -> Pixels: ...


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    def run(
        *layers: Layer,
        base: Image.Image | None = None,
        canvas: Canvas = PLAIN,
        images: dict[str, Image.Image] | None = None,
        **request: Any,
    ) -> Pixels:
        def saved(name: str, image: Image.Image) -> dict[str, str]:
            image.save(path := tmp_path / f"{name}.png")
            return {"path": str(path), "format": "png"}

        answer = answer_of(
            {
                **saved("base", base or Image.new("RGB", (400, 200), "white")),
                "overlay": Overlay(canvas=canvas, layers=layers).to_json(),
                "images": {name: saved(name, image) for name, image in (images or {}).items()},
                "output": str(tmp_path / "output.png"),
                **request,
            }
        )
        with Image.open(answer["path"]) as image:
            assert image.mode in ("RGB", "RGBA")
            assert image.size == (answer["width"], answer["height"])
            assert (image.mode == "RGBA") == answer["has_alpha"]
            assert image.info.keys() <= {"dpi"}
            return np.asarray(image)

    return run


def answer_of(request: dict[str, Any]) -> dict[str, Any]:
    """Send a request through JSON, as to a child."""
    events: list[dict[str, Any]] = []
    answer = sandboxed.work(json.loads(json.dumps(request)), events.append)
    assert events == []
    return dict(answer)


@pytest.fixture(scope="session")
def extent() -> Extent:
    """Say from where to where a picture differs from a colour: left, top, right, bottom."""

    def of(pixels: Pixels, background: tuple[int, ...] = (255, 255, 255)) -> tuple[int, ...]:
        rows, columns = np.nonzero((pixels != np.array(background, np.uint8)).any(axis=2))
        assert rows.size, "there is nothing to see"
        return (
            int(columns.min()),
            int(rows.min()),
            int(columns.max()) + 1,
            int(rows.max()) + 1,
        )

    return of  # type: ignore[return-value]
