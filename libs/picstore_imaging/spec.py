"""The spec of one output: what a plan decides, a job carries, and the pipeline makes.

Pure: importable by every process.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from picstore_imaging.formats import Format
from picstore_imaging.rules import Fit, Gravity

_VERSIONS: Final = {Format.AVIF: 2}
"""Go up when the same fields come to mean other pixels, so that digests differ; 1 where not given.
AVIF 2: efforts are steps of a frontier of two encoders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpec:
    """All that decides the pixels and bytes of one output, given the source."""

    format: Format
    width: int
    """Of the finished output, in pixels."""
    height: int
    """Of the finished output, in pixels."""
    fit: Fit
    """`INSIDE` wherever nothing is cropped, padded or stretched."""
    gravity: Gravity
    """`CENTRE` wherever it plays no part."""
    density: float
    """The real ratio to the size rule at density 1; less than asked where the source ends."""
    quality: int | None
    """None where `lossless`."""
    lossless: bool
    effort: int
    background: str | None
    """`#rrggbb`; None where nothing of it can show."""

    def to_json(self) -> dict[str, Any]:
        """For JSONB columns, job messages and the requests to a sandboxed child."""
        return {"version": _VERSIONS.get(self.format, 1), **asdict(self)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> OutputSpec:
        """Read what `to_json` wrote."""
        known = {name: fields[name] for name in cls.__dataclass_fields__}
        return cls(
            **known
            | {
                "format": Format(fields["format"]),
                "fit": Fit(fields["fit"]),
                "gravity": Gravity(fields["gravity"]),
                "density": float(fields["density"]),
            }
        )

    def digest(self) -> str:
        """The SHA-256 of the canonical JSON, in hex: equal exactly for equal specs."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
