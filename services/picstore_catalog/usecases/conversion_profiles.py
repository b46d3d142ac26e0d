"""Making, changing and deleting conversion profiles, and going back to what one was before."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from picstore_catalog.model.conversion_profile import (
    ConversionProfile,
    describe_conversion_profile,
)
from picstore_catalog.repo import conversion_profile as repo
from picstore_catalog.usecases.revisioned import RevisionedObjects


def _described(profile: ConversionProfile) -> dict[str, str]:
    return {
        "short_name": profile.short_name,
        **describe_conversion_profile(profile, {}),
        "revision": str(profile.revision),
    }


CONVERSION_PROFILES: Final = RevisionedObjects(
    rows=repo.ROWS,
    with_content=lambda profile, content: replace(profile, profile=content),
    describe=_described,
    find_usages=repo.find_usages,
)
