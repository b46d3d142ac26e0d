"""Which options of an encoder, and which quality, go with which format, and with each other.

Pure: importable by every process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from picstore_imaging.formats import Format
from picstore_imaging.quality import AUTO_BOUNDS
from picstore_imaging.rules import FormatRule

_OF_FORMAT: Final = {
    Format.JPEG: ("progressive", "optimise_scans", "trellis", "chroma"),
    Format.PNG: ("colours", "dithering"),
    Format.WEBP: ("near_lossless",),
    Format.AVIF: ("chroma", "bit_depth"),
}

COLOURS: Final = (2, 4, 16, 256)
"""The palettes whose indexes fill one, two, four and eight bits."""
BIT_DEPTHS: Final = (8, 10)
MAX_NEAR_LOSSLESS: Final = 99


AUTO_TARGETS: Final = (30.0, 95.0)
"""Below is nothing that anybody would show, above what no encoder reaches with every picture."""
AUTO_QUALITIES: Final = (1, 99)


def auto_quality_violations(path: str, rule: FormatRule) -> Iterator[tuple[str, str]]:
    """Name every wrong field of a rule's automatic quality, with what is wrong with it."""
    wanted, at = rule.auto_quality, f"{path}.auto_quality"
    if wanted is None:
        return
    if rule.format not in AUTO_BOUNDS:
        yield at, f"must not be given for {rule.format}"
    elif rule.quality is not None or rule.lossless:
        yield at, f"must not be given beside {'lossless' if rule.lossless else 'quality'}"
    elif rule.options.near_lossless is not None:
        yield at, "must not be given beside near_lossless"
    least, most = AUTO_TARGETS
    if not least <= wanted.target <= most:
        yield f"{at}.target", f"must be {least:g} to {most:g}"
    lowest, highest = AUTO_QUALITIES
    for name, bound in (("min_quality", wanted.min_quality), ("max_quality", wanted.max_quality)):
        if bound is not None and not lowest <= bound <= highest:
            yield f"{at}.{name}", f"must be {lowest} to {highest}"
    if (wanted.min_quality or lowest) > (wanted.max_quality or highest):
        yield f"{at}.min_quality", "must be no more than max_quality"


def options_violations(path: str, rule: FormatRule) -> Iterator[tuple[str, str]]:
    """Name every wrong field of a rule's options, with what is wrong with it."""
    options, at = rule.options, f"{path}.options"
    for name in options.to_json():
        if name not in _OF_FORMAT[rule.format]:
            yield f"{at}.{name}", f"must not be given for {rule.format}"
            return
    if rule.lossless and options.to_json():
        yield f"{at}", "must not be given beside lossless"
        return
    near = options.near_lossless
    if near is not None and not 0 <= near <= MAX_NEAR_LOSSLESS:
        yield f"{at}.near_lossless", f"must be 0 to {MAX_NEAR_LOSSLESS}"
    if near is not None and rule.quality is not None:
        yield f"{path}.quality", "must not be given beside near_lossless"
    if options.colours is not None and options.colours not in COLOURS:
        yield f"{at}.colours", "must be 2, 4, 16 or 256"
    if options.dithering is not None and not 0 <= options.dithering <= 1:
        yield f"{at}.dithering", "must be 0 to 1"
    if options.dithering is not None and options.colours is None and rule.quality in (None, 100):
        yield f"{at}.dithering", "must be given with colours or a quality below 100"
    if options.optimise_scans and options.progressive is False:
        yield f"{at}.optimise_scans", "must be false where progressive is false"
    if options.bit_depth is not None and options.bit_depth not in BIT_DEPTHS:
        yield f"{at}.bit_depth", "must be 8 or 10"
