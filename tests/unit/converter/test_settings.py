"""What a converter can be told."""

from __future__ import annotations

import pytest

from picstore_converter.settings import ConverterSettings
from picstore_kit.bus.lanes import Lane
from picstore_kit.settings import load, render_settings


@pytest.fixture(autouse=True)
def _identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICSTORE_IDENTITY__NAME", "converter")
    monkeypatch.setenv("PICSTORE_IDENTITY__SECRET", "secret")


@pytest.mark.parametrize("text", ["fast,bulk", '["fast", "bulk"]'])
def test_lanes_are_read_as_people_and_as_print_settings_write_them(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("PICSTORE_LANES", text)

    settings = load(ConverterSettings)

    assert settings.lanes == (Lane.FAST, Lane.BULK)
    assert 'PICSTORE_LANES=["fast", "bulk"]' in render_settings(settings)


@pytest.mark.parametrize(
    ("lanes", "express"),
    [
        ("interactive,fast,slow,bulk", 1),
        ("fast,slow", 1),
        ("interactive,fast", 0),
        ("slow,bulk", 0),
    ],
)
def test_express_children_are_for_where_dear_and_quick_jobs_meet(
    monkeypatch: pytest.MonkeyPatch, lanes: str, express: int
) -> None:
    monkeypatch.setenv("PICSTORE_LANES", lanes)

    assert load(ConverterSettings).express == express
