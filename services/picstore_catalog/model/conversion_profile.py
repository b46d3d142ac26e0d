"""Conversion profiles: what is made of a picture, counted in revisions that never change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.profile import Profile
from picstore_imaging.rules import (
    AutoQuality,
    ColourPolicy,
    Density,
    EncoderOptions,
    Fit,
    FormatRule,
    Gravity,
    MetadataPolicy,
    SizeRule,
    When,
)
from picstore_kit.ids import ConversionProfileId, ProjectId

DEFAULT_BACKGROUND = "#ffffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionProfile:
    """A conversion profile at one of its revisions."""

    id: ConversionProfileId
    project_id: ProjectId | None
    """The only project that may use it; None for all of the team's."""
    short_name: str
    """Unique in the team."""
    display_name: str
    revision: int
    """Counts the changes of `profile`, from 1."""
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionProfileRevision:
    """What a conversion profile made from one change to the next; it never changes."""

    revision: int
    profile: Profile
    creator: str
    """The id of a user, or the name of a service; empty where that was not kept yet."""
    created_at: datetime


def describe_conversion_profile(
    profile: ConversionProfile, names: Mapping[str, str]
) -> dict[str, str]:
    """Say in words what can differ between two conversion profiles of one short name.

    `names` are short names by id; what is not among them is told by its id.
    """
    project_id = profile.project_id or ""
    return {
        "project_id": names.get(project_id, project_id),
        "display_name": profile.display_name,
        "formats": json.dumps(formats_to_json(profile.profile.formats)),
        "sizes": json.dumps(sizes_to_json(profile.profile.sizes)),
        "background": profile.profile.background,
        **{name: _in_words(value) for name, value in policies_to_json(profile.profile).items()},
    }


def profile_from_json(
    *,
    formats: Sequence[Mapping[str, Any]],
    sizes: Sequence[Mapping[str, Any]],
    background: str,
    policies: Mapping[str, Any],
) -> Profile:
    """Read a profile from the columns that it is stored in."""
    return Profile(
        formats=formats_from_json(formats),
        sizes=sizes_from_json(sizes),
        background=background,
        metadata=MetadataPolicy(policies.get("metadata", MetadataPolicy.STRIP)),
        keep_gps=policies.get("keep_gps", False),
        colour=ColourPolicy(policies.get("colour", ColourPolicy.SRGB)),
        skip_if_larger_percent=policies.get("skip_if_larger_percent"),
    )


def policies_to_json(profile: Profile) -> dict[str, Any]:
    """Return what a profile says besides formats, sizes and background, as it is stored."""
    return {
        "metadata": profile.metadata.value,
        "keep_gps": profile.keep_gps,
        "colour": profile.colour.value,
        "skip_if_larger_percent": profile.skip_if_larger_percent,
    }


def _in_words(value: object) -> str:
    return "" if value is None else str(value).lower()


def formats_to_json(formats: Sequence[FormatRule]) -> list[dict[str, Any]]:
    """Return format rules as they are stored."""
    return [
        {
            "format": rule.format.value,
            "quality": rule.quality,
            "lossless": rule.lossless,
            "effort": rule.effort,
            "only_from": sorted(source.value for source in rule.only_from),
            "not_from": sorted(source.value for source in rule.not_from),
            **({"options": options} if (options := rule.options.to_json()) else {}),
            **({"auto_quality": rule.auto_quality.to_json()} if rule.auto_quality else {}),
        }
        for rule in formats
    ]


def formats_from_json(rules: Sequence[Mapping[str, Any]]) -> tuple[FormatRule, ...]:
    """Read what `formats_to_json` wrote."""
    return tuple(
        FormatRule(
            format=Format(rule["format"]),
            quality=rule["quality"],
            lossless=rule["lossless"],
            effort=rule["effort"],
            only_from=frozenset(SourceFormat(source) for source in rule["only_from"]),
            not_from=frozenset(SourceFormat(source) for source in rule["not_from"]),
            options=EncoderOptions.from_json(rule.get("options", {})),
            auto_quality=(
                AutoQuality.from_json(rule["auto_quality"]) if "auto_quality" in rule else None
            ),
        )
        for rule in rules
    )


def sizes_to_json(sizes: Sequence[SizeRule]) -> list[dict[str, Any]]:
    """Return size rules as they are stored."""
    return [
        {
            "width": rule.width,
            "height": rule.height,
            "fit": rule.fit.value,
            # Code that knows no focal points reads the gravity alone.
            "gravity": (rule.gravity or Gravity.CENTRE).value,
            "by_focal_point": rule.gravity is None,
            "when": rule.when.value,
            "enlarge": rule.enlarge,
            "densities": [
                {"ratio": density.ratio, "quality": density.quality} for density in rule.densities
            ],
        }
        for rule in sizes
    ]


def sizes_from_json(rules: Sequence[Mapping[str, Any]]) -> tuple[SizeRule, ...]:
    """Read what `sizes_to_json` wrote."""
    return tuple(
        SizeRule(
            width=rule["width"],
            height=rule["height"],
            fit=Fit(rule["fit"]),
            gravity=None if rule.get("by_focal_point") else Gravity(rule["gravity"]),
            when=When(rule["when"]),
            enlarge=rule["enlarge"],
            densities=tuple(
                Density(ratio=density["ratio"], quality=density["quality"])
                for density in rule["densities"]
            ),
        )
        for rule in rules
    )
