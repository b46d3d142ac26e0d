"""What a job draws the original of a derived picture from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from picstore_catalog.model.image import Original
from picstore_imaging.formats import SourceFormat
from picstore_imaging.geometry import Point
from picstore_imaging.overlay.template import Overlay
from picstore_kit.ids import ImageId, LocationId


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSource:
    """A picture that is drawn over another."""

    image_id: ImageId
    original: Original


@dataclass(frozen=True, slots=True, kw_only=True)
class Render:
    """What a job draws, fixed when the picture was derived."""

    overlay: Overlay
    """Filled in."""
    base: Original
    focal_point: Point | None
    """The base picture's."""
    images: tuple[LayerSource, ...]
    base_path: str
    """The project's: what the key of the new original begins with."""
    originals_path: str
    """The upload profile's: what it goes on with."""
    filename: str
    """Of the new original."""

    def to_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        point = self.focal_point
        return {
            "overlay": self.overlay.to_json(),
            "base": _original_to_json(self.base),
            "focal_point": None if point is None else [point.x, point.y],
            "images": [
                {"image_id": layer.image_id, "original": _original_to_json(layer.original)}
                for layer in self.images
            ],
            "base_path": self.base_path,
            "originals_path": self.originals_path,
            "filename": self.filename,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Render:
        """Read what `to_json` wrote."""
        point = stored["focal_point"]
        return cls(
            overlay=Overlay.from_json(stored["overlay"]),
            base=_original_from_json(stored["base"]),
            focal_point=None if point is None else Point(*point),
            images=tuple(
                LayerSource(
                    image_id=ImageId(layer["image_id"]),
                    original=_original_from_json(layer["original"]),
                )
                for layer in stored["images"]
            ),
            base_path=stored["base_path"],
            originals_path=stored["originals_path"],
            filename=stored["filename"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What one attempt draws, and where that goes."""

    render: Render
    object_key: str
    """Of the new original, in this attempt only."""
    abandoned_keys: tuple[str, ...]
    """What attempts that are over may have left."""


def _original_to_json(original: Original) -> dict[str, Any]:
    return {
        **asdict(original),
        "format": original.format.value,
        "sha256": original.sha256.hex(),
    }


def _original_from_json(stored: Mapping[str, Any]) -> Original:
    return Original(
        **{
            **stored,
            "location_id": LocationId(stored["location_id"]),
            "format": SourceFormat(stored["format"]),
            "sha256": bytes.fromhex(stored["sha256"]),
        }
    )
