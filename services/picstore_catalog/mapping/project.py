"""Projects on the wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1 import project_pb2
from picstore_catalog.mapping.field_mask import read_mask
from picstore_catalog.mapping.timestamps import timestamp
from picstore_catalog.model.names import (
    display_name_fault,
    normalised_path,
    path_fault,
    short_name_fault,
)
from picstore_catalog.model.project import Project
from picstore_catalog.model.stored import Stored
from picstore_kit.ids import ProjectId
from picstore_kit.violations import Violations

CHANGEABLE: Final = frozenset({"display_name", "max_bytes", "max_pixels"})
"""What `UpdateProject` can change."""


def new_project(
    message: project_pb2.Project, project_id: ProjectId, violations: Violations, path: str
) -> Project:
    """Read a project that is to be made; `path` is where it stands in the request."""
    project = Project(
        id=project_id,
        short_name=message.short_name,
        display_name=message.display_name,
        base_path=normalised_path(message.base_path) or message.short_name,
        max_bytes=message.max_bytes,
        max_pixels=message.max_pixels,
    )
    violations.add(f"{path}.short_name", short_name_fault(project.short_name))
    if message.base_path:
        violations.add(f"{path}.base_path", path_fault(project.base_path))
    _check(message, violations, path)
    return project


def project_change(
    message: project_pb2.Project, mask: FieldMask, violations: Violations
) -> Callable[[Project], Project]:
    """Read what an `UpdateProjectRequest` changes."""
    fields = read_mask(mask, message, violations, changeable=CHANGEABLE)
    values = {field: getattr(message, field) for field in fields}
    _check(project_pb2.Project(**values), violations, "project")
    return lambda project: replace(project, **values)


def project_message(stored: Stored[Project]) -> project_pb2.Project:
    """Return a project as callers see it."""
    project = stored.value
    return project_pb2.Project(
        id=project.id,
        short_name=project.short_name,
        display_name=project.display_name,
        base_path=project.base_path,
        max_bytes=project.max_bytes,
        max_pixels=project.max_pixels,
        etag=stored.etag,
        create_time=timestamp(stored.created_at),
        update_time=timestamp(stored.updated_at),
    )


def _check(project: project_pb2.Project, violations: Violations, path: str) -> None:
    violations.add(f"{path}.display_name", display_name_fault(project.display_name))
    for field, limit in (("max_bytes", project.max_bytes), ("max_pixels", project.max_pixels)):
        violations.add(f"{path}.{field}", "must not be negative" if limit < 0 else None)
