"""The frontier as a picture: an SVG written by hand, so that no plotting library is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from pathlib import Path
from typing import Final

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 48, 56
MAX_BYTES: Final = 0.7
"""The most bytes over the reference that are drawn; what takes more is left out."""
MIN_BYTES: Final = -0.1
TIMES: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
GOAL_TIME: Final = 0.15
GOAL_BYTES: Final = 0.10

_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#333}.goal{fill:#2a8a4a22}"
    "path.axis{stroke:#ddd;stroke-width:1}.ours{fill:#1f6feb}.other{fill:#999}path{fill:none;stroke:#1f6feb;stroke-width:2}"
    ".title{font-size:15px;font-weight:600}.small{font-size:11px;fill:#777}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One encoder in the plot."""

    name: str
    time_ratio: float
    bytes_ratio: float
    effort: int | None
    """Where it is a step of our scale."""


def draw(path: Path, marks: Sequence[Mark]) -> None:
    """Write the plot: time to the right on a logarithmic scale, bytes upwards."""
    shown = [mark for mark in marks if mark.bytes_ratio - 1 <= MAX_BYTES]
    steps = sorted(
        (mark for mark in shown if mark.effort is not None), key=lambda mark: mark.effort or 0
    )
    line = " L".join(f"{_x(mark.time_ratio):.1f},{_y(mark.bytes_ratio):.1f}" for mark in steps)
    goal_x, goal_y = _x(GOAL_TIME), _y(1 + GOAL_BYTES)
    pieces = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>AVIF: bytes at equal SSIMULACRA2 against CPU time</title>",
        f"<style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<rect class="goal" x="{LEFT}" y="{goal_y:.1f}" width="{goal_x - LEFT:.1f}"'
        f' height="{HEIGHT - BOTTOM - goal_y:.1f}"/>',
        f'<text class="title" x="{LEFT}" y="24">Bytes at equal SSIMULACRA2, over libaom at effort'
        " 4</text>",
        *_axes(),
        f'<path d="M{line}"/>',
        *(piece for mark in shown for piece in _mark(mark, last=mark is steps[-1])),
        "</svg>",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(pieces) + "\n")


def _axes() -> list[str]:
    pieces = []
    for time in TIMES:
        x = f"{_x(time):.1f}"
        pieces.append(f'<path class="axis" d="M{x},{TOP}V{HEIGHT - BOTTOM}"/>')
        pieces.append(
            f'<text x="{x}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{time:g} ×</text>'
        )
    for tenth in range(round(MIN_BYTES * 10), round(MAX_BYTES * 10) + 1):
        y = _y(1 + tenth / 10)
        pieces.append(f'<path class="axis" d="M{LEFT},{y:.1f}H{WIDTH - RIGHT}"/>')
        label = f"{tenth * 10:+d} %"
        pieces.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    pieces.append(
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 12}" text-anchor="end">CPU time for each second of'
        " libaom at effort 4; shaded: the goal of the default</text>"
    )
    return pieces


def _mark(mark: Mark, *, last: bool) -> list[str]:
    """A dot with its name: above it, or below where it is ours, to the side that has room."""
    x, y = _x(mark.time_ratio), _y(mark.bytes_ratio)
    if mark.effort is None:
        kind, label, left, top, anchor = "other", mark.name, x, y - 9, "middle"
    else:
        kind, label, top = "ours", f"{mark.effort}: {mark.name}", y + 15
        left, anchor = (x - 2, "start") if last else (x + 2, "end")
    return [
        f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>',
        f'<text class="small" x="{left:.1f}" y="{top:.1f}" text-anchor="{anchor}">{label}</text>',
    ]


def _x(time_ratio: float) -> float:
    low, high = log10(TIMES[0]), log10(TIMES[-1])
    return LEFT + (WIDTH - LEFT - RIGHT) * (log10(time_ratio) - low) / (high - low)


def _y(bytes_ratio: float) -> float:
    part = (bytes_ratio - 1 - MIN_BYTES) / (MAX_BYTES - MIN_BYTES)
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part
