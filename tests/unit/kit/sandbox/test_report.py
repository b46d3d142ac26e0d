"""The report of the active layers."""

from __future__ import annotations

import pytest

from picstore_kit.sandbox.report import Layer, LayerState, SandboxReport

REPORT = SandboxReport(
    layers={
        Layer.RLIMITS: LayerState(active=True, detail="1024 bytes"),
        Layer.LANDLOCK: LayerState(active=False, detail="Function not implemented"),
    }
)


def test_report_survives_the_wire() -> None:
    assert SandboxReport.from_json(REPORT.to_json()) == REPORT


def test_missing_are_the_inactive_and_the_unreported() -> None:
    required = [Layer.SECCOMP, Layer.LANDLOCK, Layer.RLIMITS]
    assert REPORT.missing(required) == [Layer.LANDLOCK, Layer.SECCOMP]


def test_summary_says_what_is_inactive_and_why() -> None:
    assert REPORT.summary() == {
        "rlimits": "active: 1024 bytes",
        "landlock": "INACTIVE: Function not implemented",
    }


def test_only_true_counts_as_active() -> None:
    told = {"landlock": {"active": "yes", "detail": ""}}
    assert SandboxReport.from_json(told).missing([Layer.LANDLOCK]) == [Layer.LANDLOCK]


@pytest.mark.parametrize(
    "told", [{"warp": {"active": True, "detail": ""}}, {"landlock": {}}, {"landlock": 1}]
)
def test_nonsense_is_no_report(told: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        SandboxReport.from_json(told)
