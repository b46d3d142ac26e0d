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
from picstore_imaging.geometry import Point
from picstore_imaging.rules import (
    NO_OPTIONS,
    AutoQuality,
    EncoderOptions,
    Fit,
    Gravity,
    MetadataPolicy,
)

_VERSIONS: Final = {Format.AVIF: 2}
"""Go up when the same fields come to mean other pixels, so that digests differ; 1 where not given.
AVIF 2: efforts are steps of a frontier of two encoders."""

_BYTE: Final = 8

_LATER: Final[Mapping[str, object]] = {
    "options": {},
    "focal_point": None,
    "metadata": MetadataPolicy.STRIP,
    "keep_gps": False,
    "wide_gamut": False,
    "auto_quality": None,
}
"""Fields that came after digests were stored, and what leaves an output as it was."""


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
    """None where `lossless`, and where it is searched for."""
    lossless: bool
    effort: int
    background: str | None
    """`#rrggbb`; None where nothing of it can show."""
    options: EncoderOptions = NO_OPTIONS
    focal_point: Point | None = None
    """What a crop or a padding keeps in the middle, before the gravity; None where it plays no
    part."""
    metadata: MetadataPolicy = MetadataPolicy.STRIP
    keep_gps: bool = False
    """Whether metadata that is kept may say where the picture was taken."""
    wide_gamut: bool = False
    """Whether it is Display P3 where the source's colours reach beyond sRGB."""
    auto_quality: AutoQuality | None = None
    """What its quality is searched by, with its bounds; None where that is given."""

    @property
    def deep(self) -> bool:
        """Whether it keeps more than 8 bits of a source that has them."""
        return self.format.deep and self.options.bit_depth != _BYTE

    def to_json(self) -> dict[str, Any]:
        """For JSONB columns, job messages and the requests to a sandboxed child.

        What is as it always was is left out, so that a spec from before a field came has the digest
        that it had.
        """
        fields = {
            "version": _VERSIONS.get(self.format, 1),
            **asdict(self),
            "options": self.options.to_json(),
        }
        if self.focal_point is not None:
            fields["focal_point"] = list(self.focal_point)
        if self.auto_quality is not None:
            fields["auto_quality"] = self.auto_quality.to_json()
        absent = {name for name, default in _LATER.items() if fields[name] == default}
        return {name: value for name, value in fields.items() if name not in absent}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> OutputSpec:
        """Read what `to_json` wrote."""
        known = {name: fields[name] for name in cls.__dataclass_fields__ if name in fields}
        point, wanted = fields.get("focal_point"), fields.get("auto_quality")
        return cls(
            **known
            | {
                "format": Format(fields["format"]),
                "fit": Fit(fields["fit"]),
                "gravity": Gravity(fields["gravity"]),
                "density": float(fields["density"]),
                "options": EncoderOptions.from_json(fields.get("options", {})),
                "focal_point": Point(*map(float, point)) if point else None,
                "metadata": MetadataPolicy(fields.get("metadata", MetadataPolicy.STRIP)),
                "auto_quality": AutoQuality.from_json(wanted) if wanted else None,
            }
        )

    def digest(self) -> str:
        """The SHA-256 of the canonical JSON, in hex: equal exactly for equal specs."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
