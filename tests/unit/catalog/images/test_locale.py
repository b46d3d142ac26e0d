"""Languages by their tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore_catalog.model.locale import canonical_locale, fallbacks


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("de", "de"),
        ("DE-at", "de-AT"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("sl-ROZAJ-biske-1994", "sl-rozaj-biske-1994"),
        ("en-US-X-TWAIN", "en-US-x-twain"),
        ("de-de-u-co-phonebk", "de-DE-u-co-phonebk"),
        ("zh-yue-hk", "zh-yue-HK"),
    ],
)
def test_a_tag_gets_its_usual_case(text: str, canonical: str) -> None:
    assert canonical_locale(text) == canonical


@pytest.mark.parametrize(
    "text", ["", "d", "de_AT", "de-", "-de", "de--AT", "deutsch-land-x", "x-klingon", "de at", "ﬁ"]
)
def test_what_is_no_tag_is_refused(text: str) -> None:
    assert canonical_locale(text) is None


def test_an_endless_tag_is_refused() -> None:
    assert canonical_locale("en-x" + "-abcdefgh" * 4) is None


@given(st.from_regex(r"[a-z]{2}(-[A-Za-z]{4})?(-[A-Za-z]{2})?(-[A-Za-z]{5,8})?", fullmatch=True))
def test_a_canonical_tag_stays_as_it_is(text: str) -> None:
    canonical = canonical_locale(text)
    assert canonical is not None
    assert canonical.lower() == text.lower()
    assert canonical_locale(canonical) == canonical


def test_a_tag_falls_back_to_what_it_is_a_kind_of() -> None:
    assert list(fallbacks("zh-Hant-TW")) == ["zh-Hant-TW", "zh-Hant", "zh"]
    assert list(fallbacks("de-DE-u-co-phonebk")) == [
        "de-DE-u-co-phonebk",
        "de-DE-u-co",
        "de-DE",
        "de",
    ]
    assert list(fallbacks("")) == [""]
