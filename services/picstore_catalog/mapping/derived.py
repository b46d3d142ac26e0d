"""Requests for derived pictures on the wire."""

from __future__ import annotations

from typing import Final

from picstore.catalog.v1 import image_service_pb2
from picstore_catalog.mapping.description import read_tags
from picstore_catalog.model.derived import DeriveRequest
from picstore_catalog.model.description import MAX_ALT_TEXT, text_fault
from picstore_catalog.model.upload import MAX_FILENAME
from picstore_kit.ids import ImageId
from picstore_kit.violations import all_at_once

_MAX_NAME: Final = 200
"""Characters of an id or a short name."""


def read_derivation(request: image_service_pb2.CreateDerivedImageRequest) -> DeriveRequest:
    """Read a picture that is to be derived; its variables are checked with the template.

    Raises:
        InvalidFields: It names everything that is wrong.
    """
    with all_at_once() as violations:
        derivation = DeriveRequest(
            base_id=violations.id(ImageId, request.image_id, "image_id"),
            template=request.overlay_template,
            variables=dict(request.variables),
            upload_profile=request.upload_profile,
            filename=request.filename,
            alt_text=request.alt_text,
            tags=read_tags(request.tags, "tags", violations),
        )
        violations.add("overlay_template", text_fault(request.overlay_template, _MAX_NAME))
        violations.add("upload_profile", text_fault(request.upload_profile, _MAX_NAME))
        violations.add("filename", text_fault(request.filename, MAX_FILENAME))
        violations.add("alt_text", text_fault(request.alt_text, MAX_ALT_TEXT))
    return derivation
