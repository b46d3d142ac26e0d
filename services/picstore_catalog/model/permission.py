"""The permissions that the catalog asks for."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """`picstore.options.v1.Permission` as people write it, as far as the catalog asks for it."""

    PROJECT_CREATE = "project:create"
    PROJECT_READ = "project:read"
    PROJECT_WRITE = "project:write"
    IMAGE_READ = "image:read"
    IMAGE_CREATE = "image:create"
    IMAGE_EDIT = "image:edit"
    IMAGE_ORIGINAL = "image:original"
    CONVERSION_PROFILE_WRITE = "conversion_profile:write"
    UPLOAD_PROFILE_WRITE = "upload_profile:write"
    STORAGE_LOCATION_WRITE = "storage_location:write"
    OVERLAY_TEMPLATE_WRITE = "overlay_template:write"
