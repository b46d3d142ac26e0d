"""Overlay templates on the wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1 import overlay_template_pb2
from picstore_catalog.mapping.field_mask import read_mask
from picstore_catalog.mapping.overlay import overlay_message, read_overlay
from picstore_catalog.mapping.timestamps import timestamp
from picstore_catalog.model.names import display_name_fault, short_name_fault
from picstore_catalog.model.overlay_template import OverlayTemplate, OverlayTemplateRevision
from picstore_catalog.model.stored import Stored
from picstore_kit.ids import OverlayTemplateId, ProjectId
from picstore_kit.violations import Violations

CHANGEABLE: Final = frozenset({"display_name", "overlay"})
"""What `UpdateOverlayTemplate` can change."""

_PATH: Final = "overlay_template"


def new_overlay_template(
    message: overlay_template_pb2.OverlayTemplate,
    template_id: OverlayTemplateId,
    violations: Violations,
) -> OverlayTemplate:
    """Read a template that is to be made."""
    violations.add(f"{_PATH}.short_name", short_name_fault(message.short_name))
    violations.add(f"{_PATH}.display_name", display_name_fault(message.display_name))
    return OverlayTemplate(
        id=template_id,
        project_id=violations.optional_id(ProjectId, message.project_id, f"{_PATH}.project_id"),
        short_name=message.short_name,
        display_name=message.display_name,
        revision=1,
        overlay=read_overlay(message.overlay, violations, f"{_PATH}.overlay"),
    )


def overlay_template_change(
    message: overlay_template_pb2.OverlayTemplate, mask: FieldMask, violations: Violations
) -> Callable[[OverlayTemplate], OverlayTemplate]:
    """Read what an `UpdateOverlayTemplateRequest` changes."""
    given = read_mask(mask, message, violations, changeable=CHANGEABLE)
    overlay = None
    if "display_name" in given:
        violations.add(f"{_PATH}.display_name", display_name_fault(message.display_name))
    if "overlay" in given:
        overlay = read_overlay(message.overlay, violations, f"{_PATH}.overlay")

    def changed(template: OverlayTemplate) -> OverlayTemplate:
        return replace(
            template,
            display_name=(
                message.display_name if "display_name" in given else template.display_name
            ),
            overlay=template.overlay if overlay is None else overlay,
        )

    return changed


def overlay_template_message(
    stored: Stored[OverlayTemplate],
) -> overlay_template_pb2.OverlayTemplate:
    """Return a template as callers see it."""
    template = stored.value
    return overlay_template_pb2.OverlayTemplate(
        id=template.id,
        project_id=template.project_id or "",
        short_name=template.short_name,
        display_name=template.display_name,
        revision=template.revision,
        overlay=overlay_message(template.overlay),
        etag=stored.etag,
        create_time=timestamp(stored.created_at),
        update_time=timestamp(stored.updated_at),
    )


def revision_message(
    revision: OverlayTemplateRevision,
) -> overlay_template_pb2.OverlayTemplateRevision:
    """Return a revision as callers see it."""
    return overlay_template_pb2.OverlayTemplateRevision(
        revision=revision.revision,
        overlay=overlay_message(revision.overlay),
        creator=revision.creator,
        create_time=timestamp(revision.created_at),
    )
