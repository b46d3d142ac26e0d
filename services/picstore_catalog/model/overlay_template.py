"""Overlay templates: what is drawn over pictures, counted in revisions that never change."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from picstore_imaging.overlay.template import Overlay
from picstore_kit.ids import OverlayTemplateId, ProjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayTemplate:
    """An overlay template at one of its revisions."""

    id: OverlayTemplateId
    project_id: ProjectId | None
    """The only project that may use it; None for all of the team's."""
    short_name: str
    """Unique in the team."""
    display_name: str
    revision: int
    """Counts the changes of `overlay`, from 1."""
    overlay: Overlay


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayTemplateRevision:
    """What an overlay template drew from one change to the next; it never changes."""

    revision: int
    overlay: Overlay
    creator: str
    """The id of a user, or the name of a service."""
    created_at: datetime


def describe_overlay_template(template: OverlayTemplate) -> dict[str, str]:
    """Say in words what can differ between two overlay templates, for the audit log."""
    overlay = template.overlay.to_json()
    return {
        "short_name": template.short_name,
        "project_id": template.project_id or "",
        "display_name": template.display_name,
        "canvas": json.dumps(overlay.get("canvas", {}), ensure_ascii=False),
        "layers": json.dumps(overlay["layers"], ensure_ascii=False),
        "variables": json.dumps(overlay.get("variables", []), ensure_ascii=False),
        "revision": str(template.revision),
    }
