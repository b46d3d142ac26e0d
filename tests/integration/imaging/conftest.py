"""One way to convert a file to every format, as a sandboxed child would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from picstore_imaging import sandboxed
from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format
from picstore_imaging.limits import Limits
from picstore_imaging.plan import plan_outputs
from picstore_imaging.profile import FormatRule, Profile, SizeRule
from tests.integration.imaging.patches import WIDTH


@pytest.fixture
def convert(tmp_path: Path) -> Callable[..., dict[Format, bytes]]:
    """Make an output of each format, of half the patches' size; `policies` are a profile's."""

    def run(data: bytes, *, width: int | None = WIDTH, **policies: Any) -> dict[Format, bytes]:
        (path := tmp_path / "source").write_bytes(data)
        limits = Limits(allow_svg=True).to_json()
        answer = sandboxed.probe_file({"path": str(path), "limits": limits}, lambda event: None)
        probed = Probe.from_json(answer)
        formats = tuple(FormatRule(format=format) for format in Format)
        profile = Profile(formats=formats, sizes=(SizeRule(width=width),), **policies)
        specs = [output.spec for output in plan_outputs(profile, probed.facts())]
        events: list[dict[str, Any]] = []
        request = {
            "path": str(path),
            "format": probed.format.value,
            "work_dir": str(tmp_path),
            "limits": limits,
            "outputs": [{"id": spec.format.value, "spec": spec.to_json()} for spec in specs],
        }
        sandboxed.convert(request, events.append)
        made = {Format(e["format"]): Path(e["path"]) for e in events if e["event"] == "output"}
        assert made.keys() == set(Format), events
        return {format: made[format].read_bytes() for format in Format}

    return run
