"""What is believed of a child that may have been taken over by a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore_converter.messages import (
    ChildMisbehaved,
    Totals,
    conversion_request,
    parse_message,
)
from picstore_converter.model import EncodedOutput, FailedOutput, Placeholder
from picstore_imaging.formats import Format
from picstore_imaging.limits import Limits
from picstore_kit.errors import Reason
from tests.unit.converter.claims import RECIPE, make_claim

DIRECTORY = Path("/work/job-1")
CLAIM = make_claim(100)
(OUTPUT,) = CLAIM.outputs
WANTED = {OUTPUT.id: OUTPUT}
MADE = {
    "event": "output",
    "id": OUTPUT.id,
    "path": f"/work/job-1/{OUTPUT.id}.webp",
    "format": "webp",
    "width": 100,
    "height": 50,
    "bytes": 1234,
    "sha256": "ab" * 32,
    "wall_ms": 3.1,
    "cpu_ms": 2.6,
    "recipe": RECIPE.to_json(),
}
FAILED = {"event": "output_failed", "id": OUTPUT.id, "reason": "ENCODE_FAILED", "message": "no"}
PREVIEW = "UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAgA0JaQAA3AA/vuUAAA="
SHOWN = {
    "event": "placeholder",
    "thumbhash": "1QcSHQRnh493V4dIh4eXh1h4kJUI",
    "dominant_colour": "#c0ffee",
    "palette": ["#c0ffee", "#101010"],
    "preview": PREVIEW,
}
TOTALS = {"decode_ms": 1.5, "wall_ms": 2, "cpu_ms": 3, "peak_rss_bytes": 4, "libvips": "8.18.7"}


def parse(message: dict[str, Any]) -> object:
    return parse_message(message, wanted=WANTED, directory=DIRECTORY)


def test_an_output_is_what_was_asked_for() -> None:
    assert parse(MADE) == EncodedOutput(
        id=OUTPUT.id,
        path=DIRECTORY / f"{OUTPUT.id}.webp",
        format=Format.WEBP,
        width=100,
        height=50,
        density=1.0,
        size_bytes=1234,
        sha256="ab" * 32,
        cpu_ms=3,
        recipe=RECIPE,
    )


def test_the_other_messages_are_read() -> None:
    assert parse(FAILED) == FailedOutput(id=OUTPUT.id, reason=Reason.ENCODE_FAILED, message="no")
    assert parse(SHOWN) == Placeholder(
        thumbhash="1QcSHQRnh493V4dIh4eXh1h4kJUI",
        dominant_colour="#c0ffee",
        palette=("#c0ffee", "#101010"),
        preview=PREVIEW,
    )
    assert parse(TOTALS) == Totals(decode_ms=1.5, wall_ms=2, cpu_ms=3, peak_rss_bytes=4)


@pytest.mark.parametrize(
    "message",
    [
        SHOWN | {"palette": ["red"]},
        SHOWN | {"palette": ["#c0ffee"] * 6},
        SHOWN | {"palette": "#c0ffee"},
        SHOWN | {"preview": "PHN2Zz4="},
        SHOWN | {"preview": "UklGR" + "A" * 400},
        MADE | {"id": "out_somebody_elses"},
        MADE | {"id": ["a", "list"]},
        MADE | {"path": "/etc/passwd"},
        MADE | {"path": "/work/job-1/../job-2/source"},
        MADE | {"path": "/given/source"},
        MADE | {"width": 101},
        MADE | {"height": "50"},
        MADE | {"bytes": 0},
        MADE | {"bytes": "1234"},
        MADE | {"sha256": "../../../../" + "a" * 52},
        MADE | {"sha256": "AB" * 32},
        MADE | {"sha256": "ab" * 32 + "\n"},
        MADE | {"cpu_ms": float("inf")},
        MADE | {"cpu_ms": float("nan")},
        MADE | {"cpu_ms": None},
        MADE | {"recipe": None},
        MADE | {"recipe": []},
        MADE | {"recipe": {}},
        *(
            MADE | {"recipe": RECIPE.to_json() | nonsense}
            for nonsense in (
                {"steps": "load"},
                {"steps": ["load"] * 65},
                {"steps": ["x" * 201]},
                {"steps": ["two\nlines"]},
                {"steps": [7]},
                {"encoder": "\x1b[2J"},
                {"encoder_version": "9" * 101},
                {"quality": "high"},
                {"quality": 101},
                {"quality": True},
                {"effort": None},
                {"effort": -1},
                {"metric": "a" * 101},
                {"score": float("nan")},
                {"score": "good"},
                {"encodes": 10**9},
                {"cpu_ms": 2**31},
                {"decode_cpu_ms": 1.5},
                {"peak_rss_bytes": 2**63},
            )
        ),
        FAILED | {"id": "out_somebody_elses"},
        FAILED | {"reason": "BECAUSE"},
        FAILED | {"reason": "LEASE_LOST"},
        FAILED | {"reason": ["IMAGE_CORRUPT"]},
        SHOWN | {"dominant_colour": "red;background:url(//evil.example)"},
        SHOWN | {"dominant_colour": "#c0ffee\n"},
        SHOWN | {"thumbhash": "<script>"},
        SHOWN | {"thumbhash": "A" * 1000},
        SHOWN | {"thumbhash": None},
        TOTALS | {"peak_rss_bytes": float("inf")},
        {"event": "shutdown"},
        {"event": {}},
        {},
    ],
)
def test_nonsense_is_a_crash_of_the_child(message: dict[str, Any]) -> None:
    with pytest.raises(ChildMisbehaved) as caught:
        parse(message)
    assert caught.value.reason is Reason.CHILD_CRASHED


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


FIELDS = sorted({*MADE, *FAILED, *SHOWN, *TOTALS})


@given(
    start=st.sampled_from([MADE, FAILED, SHOWN, TOTALS]),
    changes=st.dictionaries(st.sampled_from(FIELDS), json_values),
)
def test_no_answer_breaks_the_parent(start: dict[str, Any], changes: dict[str, Any]) -> None:
    try:
        message = parse({**start, **changes})
    except ChildMisbehaved:
        return
    if isinstance(message, EncodedOutput):
        assert message.path.parent == DIRECTORY
        assert 0 <= message.cpu_ms < 2**31
    if isinstance(message, FailedOutput):
        assert len(message.message) <= 500
        assert message.message.isprintable()


def test_the_child_may_decode_what_was_admitted_and_nothing_larger() -> None:
    request = conversion_request(
        CLAIM.facts, CLAIM.outputs, Path("/given/source"), size=999, made=DIRECTORY
    )
    limits = Limits.from_json(request["limits"])
    assert (limits.bytes, limits.pixels, limits.pixels_whole_decode) == (999, 80_000, 80_000)
    assert (limits.side, limits.frames) == (400, 1)
    assert request["path"] == "/given/source"
    assert request["work_dir"] == "/work/job-1"
    assert [output["id"] for output in request["outputs"]] == [OUTPUT.id]
