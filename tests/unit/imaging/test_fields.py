"""What files name themselves is no matter, whatever characters they name it in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format
from picstore_imaging.profile import FormatRule
from tests.hostile.png import chunk
from tests.hostile.whole import whole

RunProbe = Callable[..., Probe]


@pytest.mark.parametrize("keyword", ["Comment", "Übersicht", "ÿ" * 79])
def test_a_text_in_a_png_may_have_any_keyword(
    keyword: str, convert: Callable[..., Any], probe: RunProbe, tmp_path: Path
) -> None:
    text = chunk(b"tEXt", keyword.encode("latin-1") + b"\0a lake") * 2
    data = whole("png")
    (path := tmp_path / "a").write_bytes(data[:33] + text + data[33:])
    assert probe(path).width == 96
    formats = (FormatRule(format=Format.PNG), FormatRule(format=Format.WEBP))
    for made in convert(path, formats=formats).paths:
        with Image.open(made) as image:
            image.load()
            assert image.size == (96, 64)
            assert b"a lake" not in made.read_bytes()
