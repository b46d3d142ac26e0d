"""AVIF: which encoder makes it, and what that one is told."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from picstore_imaging.avif import SUBSAMPLED_BELOW, AvifEncoder, by_aom, settings, svt_quality
from picstore_imaging.cost import estimate_cpu_ms
from picstore_imaging.rules import Chroma, EncoderOptions
from picstore_imaging.spec import OutputSpec
from tests.unit.imaging.conftest import AVIF_SPEC as SPEC

sides = st.integers(1, 16_384)
specs = st.builds(
    lambda width, height, quality, effort: replace(
        SPEC, width=width, height=height, quality=quality, lossless=quality is None, effort=effort
    ),
    sides,
    sides,
    st.none() | st.integers(1, 100),
    st.integers(0, 9),
)


@given(spec=specs, deep=st.booleans(), fine=st.booleans())
def test_svt_is_asked_only_for_what_it_can(spec: OutputSpec, deep: bool, fine: bool) -> None:
    chosen = settings(spec, deep=deep, fine_colour=fine)
    if chosen.encoder is AvifEncoder.AOM:
        assert chosen == by_aom(spec, deep=deep, fine_colour=fine)
        assert chosen.quality == spec.quality
        return
    assert not deep
    assert not fine
    assert not spec.lossless
    assert chosen.subsampled
    assert chosen.bit_depth == 8
    assert 4 <= spec.width <= 16_384
    assert 4 <= spec.height <= 8_704
    assert chosen.quality is not None
    assert 0 <= chosen.quality <= 100


@given(spec=specs, deep=st.booleans(), fine=st.booleans())
def test_depth_and_colour_do_not_hang_on_the_encoder(
    spec: OutputSpec, deep: bool, fine: bool
) -> None:
    chosen = settings(spec, deep=deep, fine_colour=fine)
    assert chosen.bit_depth == (10 if deep else 8)
    keeps = fine or spec.lossless or (spec.quality or 0) >= SUBSAMPLED_BELOW
    assert chosen.subsampled != keeps
    assert (chosen.quality is None) == spec.lossless


@given(
    spec=specs.filter(lambda spec: not spec.lossless),
    deep=st.booleans(),
    fine=st.booleans(),
    chroma=st.sampled_from(Chroma),
    bit_depth=st.sampled_from([8, 10]),
)
def test_options_go_before_what_the_picture_says(
    spec: OutputSpec, deep: bool, fine: bool, chroma: Chroma, bit_depth: int
) -> None:
    asked = replace(spec, options=EncoderOptions(chroma=chroma, bit_depth=bit_depth))
    chosen = settings(asked, deep=deep, fine_colour=fine)
    assert chosen.bit_depth == bit_depth
    assert chosen.subsampled == (chroma is Chroma.SUBSAMPLED)
    if bit_depth == 10 or chroma is Chroma.FULL:
        assert chosen.encoder is AvifEncoder.AOM
    else:
        plain = replace(spec, quality=min(spec.quality or 0, SUBSAMPLED_BELOW - 1))
        assert chosen.encoder is settings(plain).encoder


@given(quality=st.integers(1, 100))
def test_the_scale_of_svt_rises_with_ours(quality: int) -> None:
    assert 0 <= svt_quality(quality - 1) <= svt_quality(quality) <= 100
    assert svt_quality(0) == 0
    assert svt_quality(100) == 100


@given(spec=specs)
def test_more_effort_is_never_cheaper(spec: OutputSpec) -> None:
    costs = [estimate_cpu_ms(replace(spec, effort=effort)) for effort in range(10)]
    assert costs == sorted(costs)
