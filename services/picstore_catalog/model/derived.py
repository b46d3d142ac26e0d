"""Derived pictures: what one is drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from picstore_kit.ids import ImageId, OverlayTemplateId


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedFrom:
    """What a picture was drawn from, to tell of it only: all of it may be gone."""

    image_id: ImageId
    """The base picture."""
    generation: int
    """Of the base picture: the one whose original was taken."""
    sha256: bytes
    """Of that original."""
    overlay_template_id: OverlayTemplateId
    overlay_template_revision: int
    variables: Mapping[str, str]
    """As the caller gave them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeriveRequest:
    """A picture that somebody wants to have derived. Its texts have been checked."""

    base_id: ImageId
    template: str
    """An id or a short name."""
    variables: Mapping[str, str]
    upload_profile: str
    """An id or a short name; empty for the base picture's."""
    filename: str
    """Empty for one that is made of the base picture's and the template's."""
    alt_text: str
    tags: tuple[str, ...]
