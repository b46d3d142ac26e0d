"""Making, changing and deleting overlay templates, and going back to what one was before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from picstore_catalog.model.overlay_template import describe_overlay_template
from picstore_catalog.repo import overlay_template as repo
from picstore_catalog.uow import Transaction
from picstore_catalog.usecases.revisioned import RevisionedObjects
from picstore_kit.ids import OverlayTemplateId
from picstore_kit.pg.access import Access
from picstore_kit.usage import Usage


async def _none(
    transaction: Transaction, access: Access, template_id: OverlayTemplateId
) -> Sequence[Usage]:
    """Return nothing: what was derived by a template stays without it."""
    return ()


OVERLAY_TEMPLATES: Final = RevisionedObjects(
    rows=repo.ROWS,
    with_content=lambda template, content: replace(template, overlay=content),
    describe=describe_overlay_template,
    find_usages=_none,
)
