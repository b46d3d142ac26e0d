"""Formats, sizes and the enums in them on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from picstore.catalog.v1 import conversion_pb2 as pb
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.rules import (
    NO_OPTIONS,
    AutoQuality,
    Chroma,
    ColourPolicy,
    Density,
    EncoderOptions,
    Fit,
    FormatRule,
    Gravity,
    MetadataPolicy,
    Metric,
    SizeRule,
    When,
)
from picstore_kit.violations import Violations

T = TypeVar("T")
NumberT = TypeVar("NumberT", bound=int)

FORMATS: Final[Mapping[pb.Format.ValueType, Format]] = {
    pb.FORMAT_JPEG: Format.JPEG,
    pb.FORMAT_PNG: Format.PNG,
    pb.FORMAT_WEBP: Format.WEBP,
    pb.FORMAT_AVIF: Format.AVIF,
}
FITS: Final[Mapping[pb.Fit.ValueType, Fit]] = {
    pb.FIT_INSIDE: Fit.INSIDE,
    pb.FIT_COVER: Fit.COVER,
    pb.FIT_CONTAIN: Fit.CONTAIN,
    pb.FIT_FILL: Fit.FILL,
}
GRAVITIES: Final[Mapping[pb.Gravity.ValueType, Gravity]] = {
    pb.GRAVITY_CENTRE: Gravity.CENTRE,
    pb.GRAVITY_NORTH: Gravity.NORTH,
    pb.GRAVITY_NORTH_EAST: Gravity.NORTH_EAST,
    pb.GRAVITY_EAST: Gravity.EAST,
    pb.GRAVITY_SOUTH_EAST: Gravity.SOUTH_EAST,
    pb.GRAVITY_SOUTH: Gravity.SOUTH,
    pb.GRAVITY_SOUTH_WEST: Gravity.SOUTH_WEST,
    pb.GRAVITY_WEST: Gravity.WEST,
    pb.GRAVITY_NORTH_WEST: Gravity.NORTH_WEST,
    pb.GRAVITY_ATTENTION: Gravity.ATTENTION,
}
WHENS: Final[Mapping[pb.When.ValueType, When]] = {
    pb.WHEN_ALWAYS: When.ALWAYS,
    pb.WHEN_ONLY_DOWNSIZE: When.ONLY_DOWNSIZE,
    pb.WHEN_ONLY_UPSIZE: When.ONLY_UPSIZE,
}

CHROMAS: Final[Mapping[pb.Chroma.ValueType, Chroma]] = {
    pb.CHROMA_SUBSAMPLED: Chroma.SUBSAMPLED,
    pb.CHROMA_FULL: Chroma.FULL,
}
METRICS: Final[Mapping[pb.Metric.ValueType, Metric]] = {
    pb.METRIC_SSIMULACRA2: Metric.SSIMULACRA2,
}
METADATA_POLICIES: Final[Mapping[pb.MetadataPolicy.ValueType, MetadataPolicy]] = {
    pb.METADATA_POLICY_STRIP: MetadataPolicy.STRIP,
    pb.METADATA_POLICY_KEEP_COPYRIGHT: MetadataPolicy.KEEP_COPYRIGHT,
    pb.METADATA_POLICY_KEEP_ALL: MetadataPolicy.KEEP_ALL,
}
COLOUR_POLICIES: Final[Mapping[pb.ColourPolicy.ValueType, ColourPolicy]] = {
    pb.COLOUR_POLICY_SRGB: ColourPolicy.SRGB,
    pb.COLOUR_POLICY_KEEP_WIDE: ColourPolicy.KEEP_WIDE,
}

FORMAT_NUMBERS: Final = {format: number for number, format in FORMATS.items()}
SOURCE_FORMATS: Final = {
    number: SourceFormat[name.removeprefix("FORMAT_")]
    for name, number in pb.Format.items()
    if number != pb.FORMAT_UNSPECIFIED
}
SOURCE_FORMAT_NUMBERS: Final = {format: number for number, format in SOURCE_FORMATS.items()}
FIT_NUMBERS: Final = {fit: number for number, fit in FITS.items()}
GRAVITY_NUMBERS: Final = {gravity: number for number, gravity in GRAVITIES.items()}
CHROMA_NUMBERS: Final = {chroma: number for number, chroma in CHROMAS.items()}
METRIC_NUMBERS: Final = {metric: number for number, metric in METRICS.items()}
METADATA_POLICY_NUMBERS: Final = {policy: number for number, policy in METADATA_POLICIES.items()}
COLOUR_POLICY_NUMBERS: Final = {policy: number for number, policy in COLOUR_POLICIES.items()}
WHEN_NUMBERS: Final = {when: number for number, when in WHENS.items()}

_UNKNOWN: Final = "must be one of the values that the contract names"


def format_rules(
    messages: Iterable[pb.FormatRule], violations: Violations, path: str
) -> tuple[FormatRule, ...]:
    """Read format rules; `path` is where the list stands in the request."""
    return tuple(
        FormatRule(
            format=_choice(FORMATS, message.format, Format.JPEG, violations, f"{at}.format"),
            quality=message.quality if message.HasField("quality") else None,
            lossless=message.lossless,
            effort=message.effort if message.HasField("effort") else None,
            only_from=_sources(message.only_from, violations, f"{at}.only_from"),
            not_from=_sources(message.not_from, violations, f"{at}.not_from"),
            options=_options(message.options, violations, f"{at}.options"),
            auto_quality=(
                _auto_quality(message.auto_quality, violations, f"{at}.auto_quality")
                if message.HasField("auto_quality")
                else None
            ),
        )
        for at, message in _placed(messages, path)
    )


def size_rules(
    messages: Iterable[pb.SizeRule], violations: Violations, path: str
) -> tuple[SizeRule, ...]:
    """Read size rules; `path` is where the list stands in the request."""
    return tuple(
        SizeRule(
            width=message.width if message.HasField("width") else None,
            height=message.height if message.HasField("height") else None,
            fit=_choice(FITS, message.fit or pb.FIT_INSIDE, Fit.INSIDE, violations, f"{at}.fit"),
            gravity=_gravity(message.gravity, violations, f"{at}.gravity"),
            when=_choice(
                WHENS, message.when or pb.WHEN_ALWAYS, When.ALWAYS, violations, f"{at}.when"
            ),
            enlarge=message.enlarge,
            densities=tuple(
                Density(
                    ratio=density.ratio,
                    quality=density.quality if density.HasField("quality") else None,
                )
                for density in message.densities
            )
            or (Density(),),
        )
        for at, message in _placed(messages, path)
    )


def format_messages(rules: Iterable[FormatRule]) -> list[pb.FormatRule]:
    """Return format rules as callers see them."""
    return [
        pb.FormatRule(
            format=FORMAT_NUMBERS[rule.format],
            quality=rule.quality,
            lossless=rule.lossless,
            effort=rule.effort,
            only_from=sorted(SOURCE_FORMAT_NUMBERS[source] for source in rule.only_from),
            not_from=sorted(SOURCE_FORMAT_NUMBERS[source] for source in rule.not_from),
            options=options_message(rule.options),
            auto_quality=auto_quality_message(rule.auto_quality),
        )
        for rule in rules
    ]


def size_messages(rules: Iterable[SizeRule]) -> list[pb.SizeRule]:
    """Return size rules as callers see them."""
    return [
        pb.SizeRule(
            width=rule.width,
            height=rule.height,
            fit=FIT_NUMBERS[rule.fit],
            gravity=GRAVITY_NUMBERS[rule.gravity] if rule.gravity else pb.GRAVITY_UNSPECIFIED,
            when=WHEN_NUMBERS[rule.when],
            enlarge=rule.enlarge,
            densities=[
                pb.Density(ratio=density.ratio, quality=density.quality)
                for density in rule.densities
            ],
        )
        for rule in rules
    ]


def options_message(options: EncoderOptions) -> pb.EncoderOptions | None:
    """Return what an encoder is to do besides; None where nothing is said."""
    if options == NO_OPTIONS:
        return None
    return pb.EncoderOptions(
        near_lossless=options.near_lossless,
        colours=options.colours,
        dithering=options.dithering,
        progressive=options.progressive,
        optimise_scans=options.optimise_scans,
        trellis=options.trellis,
        chroma=CHROMA_NUMBERS[options.chroma] if options.chroma else pb.CHROMA_UNSPECIFIED,
        bit_depth=options.bit_depth,
    )


def auto_quality_message(wanted: AutoQuality | None) -> pb.AutoQuality | None:
    """Return what a quality is searched by; None where it is given."""
    if wanted is None:
        return None
    return pb.AutoQuality(
        metric=METRIC_NUMBERS[wanted.metric],
        target=wanted.target,
        min_quality=wanted.min_quality,
        max_quality=wanted.max_quality,
    )


def read_metadata_policy(
    number: pb.MetadataPolicy.ValueType, violations: Violations, path: str
) -> MetadataPolicy:
    """Read what outputs keep of metadata; unspecified is nothing."""
    number = number or pb.METADATA_POLICY_STRIP
    return _choice(METADATA_POLICIES, number, MetadataPolicy.STRIP, violations, path)


def read_colour_policy(
    number: pb.ColourPolicy.ValueType, violations: Violations, path: str
) -> ColourPolicy:
    """Read which colours outputs can have; unspecified is those of sRGB."""
    number = number or pb.COLOUR_POLICY_SRGB
    return _choice(COLOUR_POLICIES, number, ColourPolicy.SRGB, violations, path)


def _auto_quality(message: pb.AutoQuality, violations: Violations, path: str) -> AutoQuality:
    number = message.metric or pb.METRIC_SSIMULACRA2
    return AutoQuality(
        metric=_choice(METRICS, number, Metric.SSIMULACRA2, violations, f"{path}.metric"),
        target=message.target,
        min_quality=message.min_quality if message.HasField("min_quality") else None,
        max_quality=message.max_quality if message.HasField("max_quality") else None,
    )


def _options(message: pb.EncoderOptions, violations: Violations, path: str) -> EncoderOptions:
    given: dict[str, Any] = {
        field.name: getattr(message, field.name)
        for field, _ in message.ListFields()
        if field.name != "chroma"
    }
    if message.chroma:
        at = f"{path}.chroma"
        given["chroma"] = _choice(CHROMAS, message.chroma, Chroma.FULL, violations, at)
    return EncoderOptions(**given)


def _gravity(number: pb.Gravity.ValueType, violations: Violations, path: str) -> Gravity | None:
    if number == pb.GRAVITY_UNSPECIFIED:
        return None
    return _choice(GRAVITIES, number, Gravity.CENTRE, violations, path)


def _sources(
    numbers: Sequence[pb.Format.ValueType], violations: Violations, path: str
) -> frozenset[SourceFormat]:
    for index, number in enumerate(numbers):
        violations.add(f"{path}[{index}]", None if number in SOURCE_FORMATS else _UNKNOWN)
    return frozenset(SOURCE_FORMATS[number] for number in numbers if number in SOURCE_FORMATS)


def _placed(messages: Iterable[T], path: str) -> Iterable[tuple[str, T]]:
    return ((f"{path}[{index}]", message) for index, message in enumerate(messages))


def _choice(
    choices: Mapping[NumberT, T], number: NumberT, default: T, violations: Violations, path: str
) -> T:
    """Look up an enum value; the default stands in for one that is noted as wrong."""
    if number not in choices:
        violations.add(path, _UNKNOWN)
    return choices.get(number, default)
