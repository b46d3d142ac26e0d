"""The permission that uploads and imports ask for."""

from __future__ import annotations

from typing import Final

IMAGE_CREATE: Final = "image:create"
"""As people write it; it is needed on the project that the picture is to belong to."""
