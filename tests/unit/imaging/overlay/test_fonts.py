"""Which fonts there are is read from files that anybody may have put there."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from picstore_imaging import fonts as child_fonts
from picstore_imaging.overlay import fontconfig
from picstore_imaging.overlay.fonts import FontUnknown, check_known, directories, families
from picstore_imaging.overlay.sfnt import families_of
from tests.fonts import FAMILY, write_font


def test_the_bundled_fonts_are_known() -> None:
    known = families(directories(None))
    assert {"Inter", "Noto Sans", "Noto Serif", "Noto Sans Arabic", "Noto Sans Hebrew"} <= {*known}
    assert {"Noto Emoji", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK KR"} <= {*known}
    assert [*known] == sorted(known, key=str.casefold)


def test_fonts_of_the_operator_are_known_beside_them(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write_font(tmp_path / "deep")
    known = families(directories(tmp_path))
    assert {FAMILY, "Noto Sans"} <= {*known}
    assert FAMILY not in families(directories(None))


def test_a_child_looks_where_its_parent_says(tmp_path: Path) -> None:
    assert child_fonts.directories(child_fonts.child_environment(tmp_path))[0] == tmp_path
    nowhere = child_fonts.directories(child_fonts.child_environment(None))
    assert nowhere == directories(None)


def test_a_directory_may_have_any_name() -> None:
    written = fontconfig.configuration([Path("/srv/<a>&b")])
    assert "<dir>/srv/&lt;a&gt;&amp;b</dir>" in written


def test_an_unknown_family_is_told_with_those_most_alike() -> None:
    known = ("Inter", "Noto Sans", "Noto Serif")
    check_known("noto sans", known)
    with pytest.raises(FontUnknown) as caught:
        check_known("Noto Serf", known)
    assert caught.value.metadata == {"font": "Noto Serf", "known": "Noto Serif, Noto Sans, Inter"}


def test_an_installation_without_fonts_says_so() -> None:
    with pytest.raises(FontUnknown, match="nor any other"):
        check_known("Inter", ())


def test_what_is_told_of_many_fonts_stays_short() -> None:
    with pytest.raises(FontUnknown) as caught:
        check_known("x", [f"Family {number}" for number in range(1_000)])
    assert len(caught.value.metadata["known"]) <= 450


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no font",
        b"OTTO",
        b"\0\1\0\0" + b"\xff" * 200,
        b"ttcf" + struct.pack(">2I", 0x10000, 0xFFFFFFFF),
        b"ttcf" + struct.pack(">3I", 0x10000, 1, 0xFFFFFFF0),
    ],
)
def test_a_file_that_is_no_font_has_no_families(content: bytes, tmp_path: Path) -> None:
    (path := tmp_path / "font.ttf").write_bytes(content)
    assert families_of(path) == frozenset()
    assert families_of(tmp_path / "none.ttf") == frozenset()


def test_a_truncated_font_is_passed_over(tmp_path: Path) -> None:
    data = write_font(tmp_path).read_bytes()
    for length in (100, 300, 1_000):
        (cut := tmp_path / "cut.ttf").write_bytes(data[:length])
        families_of(cut)
