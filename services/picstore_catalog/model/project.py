"""Projects: web sites or applications that own upload profiles and pictures."""

from __future__ import annotations

from dataclasses import dataclass

from picstore_kit.ids import ProjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project."""

    id: ProjectId
    short_name: str
    """Unique in the team."""
    display_name: str
    base_path: str
    """The first part of every object key; never empty."""
    max_bytes: int
    """The largest original; 0 for the installation's limit."""
    max_pixels: int
    """The largest original, summed over frames; 0 for the installation's limit."""


def describe_project(project: Project) -> dict[str, str]:
    """Say in words what can differ between two projects of one short name."""
    return {
        "display_name": project.display_name,
        "base_path": project.base_path,
        "max_bytes": str(project.max_bytes),
        "max_pixels": str(project.max_pixels),
    }
