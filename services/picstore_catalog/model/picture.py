"""What a page needs to show a picture: from READY outputs to sources, fallback and HTML.

- One `<source>` for each format, best first; what browsers without it take is the `<img>`.
- Candidates of one `srcset` have one format and one shape. Outputs of another aspect ratio (a
  square thumbnail beside the photo) are another picture and left out; the shape of the largest
  output is the one that is shown.
- Where all outputs are one size in several densities they are told by `1x`, `2x`; otherwise by
  their width, with a `sizes` attribute.

`render` writes the finished element from the same values, so that the two never differ.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from picstore_catalog.model.output import Output
from picstore_imaging.formats import BEST_FIRST, Format, most_widely_known
from picstore_kit.errors import FailedPrecondition, Reason

DEFAULT_SIZES: Final = "100vw"
NOTHING_LEFT_OUT: Final[Mapping[Format, int]] = {}
MAX_ATTRIBUTE: Final = 1000
"""Characters of an attribute that a caller may give."""

# Sides are whole pixels and densities hundredths, so equal shapes come out a little different.
_TOLERANCE_PX: Final = 1.0
_TOLERANCE: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One output that a page can load."""

    format: Format
    url: str
    """Absolute and escaped: no spaces, no commas."""
    width: int
    height: int
    density: float
    """Device pixels per CSS pixel that it was made for."""
    size_bytes: int

    @property
    def css_width(self) -> float:
        """The width in CSS pixels that it was made for."""
        return self.width / self.density


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOptions:
    """How a page shows a picture."""

    sizes: str = ""
    """The `sizes` attribute; empty for `100vw`."""
    priority: bool = False
    """It is in the first view of the page."""
    css_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """All candidates of one format, smallest first."""

    format: Format
    candidates: tuple[Candidate, ...]
    srcset: str
    sizes: str
    """Empty where the candidates are told by density."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a page needs to show a picture."""

    sources: tuple[Source, ...]
    """Best format first, without the fallback's."""
    fallback: Source
    """Of the `<img>`."""
    shown: Candidate
    """The `src` of the `<img>`; its size in CSS pixels is the element's."""
    alt_text: str
    """Not escaped."""
    options: PictureOptions
    background: str
    """As `#rrggbb`, shown until the picture is there; empty for none."""

    @property
    def width(self) -> int:
        """The `width` of the `<img>`, in CSS pixels."""
        return max(1, round(self.shown.css_width))

    @property
    def height(self) -> int:
        """The `height` of the `<img>`, in CSS pixels."""
        return max(1, round(self.shown.height / self.shown.density))


def attribute_fault(text: str) -> str | None:
    """Say what is wrong with the text of an attribute."""
    if len(text) > MAX_ATTRIBUTE or not text.isprintable():
        return f"must be at most {MAX_ATTRIBUTE} printable characters"
    return None


def candidate_of(output: Output) -> Candidate | None:
    """Return what a page can load of an output; None where it cannot load it."""
    if output.file is None or not output.url:
        return None
    return Candidate(
        format=output.spec.format,
        url=output.url,
        width=output.file.width,
        height=output.file.height,
        density=output.spec.density,
        size_bytes=output.file.size_bytes,
    )


def widest_left_out(outputs: Iterable[Output]) -> dict[Format, int]:
    """Return the widths of the widest outputs that are of no use beside a better one."""
    widths: dict[Format, int] = {}
    for output in outputs:
        if output.reason == Reason.LARGER_THAN_BETTER:
            format, width = output.spec.format, output.spec.width
            widths[format] = max(width, widths.get(format, 0))
    return widths


def compose(
    outputs: Iterable[Candidate],
    *,
    options: PictureOptions,
    alt_text: str = "",
    has_alpha: bool = False,
    dominant_colour: str = "",
    left_out: Mapping[Format, int] = NOTHING_LEFT_OUT,
) -> Picture:
    """Choose and order what a page gets.

    `left_out` are, by format, the widths of the widest outputs that are of no use beside a better
    one. A format that lacks its widest so is no source: who took it would get the picture blurred,
    when the fallback is sharp.

    A picture with transparency falls back to PNG rather than JPEG, and gets no background, which
    would shine through.

    Raises:
        FailedPrecondition: There is no output (STATE_WRONG).
    """
    candidates = _of_one_shape(list(outputs))
    by_density = _is_one_size(candidates)
    sizes = "" if by_density else options.sizes or DEFAULT_SIZES
    by_format = {
        format: _source(format, group, by_density=by_density, sizes=sizes)
        for format in BEST_FIRST
        if (group := [candidate for candidate in candidates if candidate.format is format])
    }
    fallback_format = most_widely_known(by_format, has_alpha=has_alpha)
    fallback = by_format[fallback_format]
    shown = min(fallback.candidates, key=lambda candidate: (candidate.density, -candidate.width))
    return Picture(
        # A browser that knows neither AVIF nor WebP gets the <img>, so a second format of the
        # fallback's kind would only take its place.
        sources=tuple(
            source
            for format, source in by_format.items()
            if format is not fallback_format
            and format in (Format.AVIF, Format.WEBP)
            and source.candidates[-1].width >= left_out.get(format, 0)
        ),
        fallback=fallback,
        shown=shown,
        alt_text=alt_text,
        options=options,
        background="" if has_alpha else dominant_colour,
    )


def render(picture: Picture) -> str:
    """Write the finished `<picture>` element."""
    lines = ["<picture>"]
    lines += [
        f"  <source{_attributes(type=source.format.mime_type, **_choice(source))}>"
        for source in picture.sources
    ]
    lines.append(f"  <img{_attributes(**_image_attributes(picture))}>")
    lines.append("</picture>")
    return "\n".join(lines)


def _of_one_shape(candidates: Sequence[Candidate]) -> list[Candidate]:
    if not candidates:
        raise FailedPrecondition(
            Reason.STATE_WRONG, "the picture has no output that is ready, so nothing can be shown"
        )
    largest = max(candidates, key=lambda each: (each.width * each.height, each.width))
    return [candidate for candidate in candidates if _same_shape(candidate, largest)]


def _same_shape(candidate: Candidate, largest: Candidate) -> bool:
    """Whether rounding to whole pixels explains the difference in aspect ratio."""
    height = largest.height * candidate.width / largest.width
    width = largest.width * candidate.height / largest.height
    return (
        abs(height - candidate.height) <= _TOLERANCE_PX
        or abs(width - candidate.width) <= _TOLERANCE_PX
    )


def _is_one_size(candidates: Sequence[Candidate]) -> bool:
    widths = [candidate.css_width for candidate in candidates]
    return max(widths) - min(widths) <= max(_TOLERANCE_PX, _TOLERANCE * max(widths))


def _source(
    format: Format, candidates: Sequence[Candidate], *, by_density: bool, sizes: str
) -> Source:
    """Order candidates and drop those that a browser could not tell from another.

    Of two with the same descriptor the one made for the lower density stays: it has the better
    quality.
    """
    ordered = sorted(candidates, key=lambda candidate: (candidate.density, candidate.url))
    told: dict[str, Candidate] = {}
    for candidate in ordered:
        descriptor = f"{candidate.density:g}x" if by_density else f"{candidate.width}w"
        told.setdefault(descriptor, candidate)
    chosen = sorted(told.items(), key=lambda item: (item[1].width, item[1].density))
    return Source(
        format=format,
        candidates=tuple(candidate for _, candidate in chosen),
        srcset=", ".join(f"{candidate.url} {descriptor}" for descriptor, candidate in chosen),
        sizes=sizes,
    )


def _choice(source: Source) -> dict[str, str]:
    return {"srcset": source.srcset} | ({"sizes": source.sizes} if source.sizes else {})


def _image_attributes(picture: Picture) -> dict[str, str]:
    options = picture.options
    attributes = {"src": picture.shown.url}
    if len(picture.fallback.candidates) > 1:
        attributes |= _choice(picture.fallback)
    attributes |= {
        "width": str(picture.width),
        "height": str(picture.height),
        "alt": picture.alt_text,
        "loading": "eager" if options.priority else "lazy",
        "decoding": "async",
    }
    if options.priority:
        attributes["fetchpriority"] = "high"
    if options.css_class:
        attributes["class"] = options.css_class
    if picture.background:
        attributes["style"] = f"background-color:{picture.background}"
    return attributes


def _attributes(**attributes: str) -> str:
    return "".join(f' {name}="{html.escape(text)}"' for name, text in attributes.items())
