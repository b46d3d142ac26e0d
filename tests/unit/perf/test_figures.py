"""The flat file of figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.perf.figures import UnreadableFigures, add_figures


def test_the_first_figures_make_the_file_and_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"

    add_figures(path, {"ladder_cpu_s": 1.5})

    assert json.loads(path.read_text()) == {"ladder_cpu_s": 1.5}


def test_later_figures_join_earlier_ones_and_replace_those_of_the_same_name(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bench.json"

    add_figures(path, {"ladder_cpu_s": 1.5, "bus_latency_p50_ms": 2})
    add_figures(path, {"ladder_cpu_s": 1.25, "idle_overhead_ms": 40.0})

    assert json.loads(path.read_text()) == {
        "bus_latency_p50_ms": 2,
        "idle_overhead_ms": 40.0,
        "ladder_cpu_s": 1.25,
    }
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "[1]", '{"a": {"b": 1}}', '{"a": "1"}', '{"a": true}'])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bench.json"
    path.write_text(text)

    with pytest.raises(UnreadableFigures, match=r"bench\.json"):
        add_figures(path, {"ladder_cpu_s": 1.5})

    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    add_figures(path, {"ladder_cpu_s": 1.5})

    with pytest.raises(TypeError):
        add_figures(path, {"ladder_cpu_s": object()})  # type: ignore[dict-item]  # on purpose

    assert json.loads(path.read_text()) == {"ladder_cpu_s": 1.5}
    assert list(tmp_path.iterdir()) == [path]
