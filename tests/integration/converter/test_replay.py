"""A job made once more gives the same bytes, or the same failure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from picstore_converter.model import WantedOutput
from picstore_converter.replay import Made, NotMade, missing, replay
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.plan import OutputSpec
from picstore_imaging.rules import Fit, Gravity
from picstore_kit.errors import Reason
from picstore_kit.ids import OutputId, new_id
from picstore_kit.sandbox.limits import SandboxLimits
from tests.pictures import photo

FACTS = SourceFacts(format=SourceFormat.JPEG, width=640, height=480)


def wanted() -> list[WantedOutput]:
    return [
        WantedOutput(
            id=new_id(OutputId),
            spec=OutputSpec(
                format=format,
                width=width,
                height=width * 3 // 4,
                fit=Fit.INSIDE,
                gravity=Gravity.CENTRE,
                density=1.0,
                quality=70,
                lossless=False,
                effort=2,
                background=None,
            ),
        )
        for format in (Format.JPEG, Format.WEBP, Format.AVIF)
        for width in (160, 320)
    ]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "original"
    path.write_bytes(photo(640, 480, seed="replay"))
    return path


@pytest.fixture
def cut(source: Path) -> Path:
    """The original, as far as somebody got it."""
    source.write_bytes(source.read_bytes()[:3000])
    return source


async def played(
    source: Path,
    outputs: Sequence[WantedOutput],
    *,
    only: Sequence[WantedOutput] | None = None,
    limits: SandboxLimits | None = None,
    keep: Path | None = None,
) -> dict[OutputId, Made | NotMade]:
    return await replay(
        source,
        FACTS,
        outputs,
        only={output.id for output in (outputs if only is None else only)},
        limits=limits or SandboxLimits(),
        scratch=source.parent,
        keep=keep,
    )


async def test_the_same_bytes_come_of_it_each_time(source: Path, tmp_path: Path) -> None:
    outputs = wanted()
    (keep := tmp_path / "kept").mkdir()
    first = await played(source, outputs, keep=keep)
    hashes = {}
    for output_id, made in first.items():
        assert isinstance(made, Made)
        hashes[output_id] = made.sha256
        (path,) = keep.glob(f"{output_id}.*")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == made.sha256
        assert made.recipe.steps[0] == "load jpeg 640x480"
    assert hashes.keys() == {output.id for output in outputs}

    # Of a few alone as well: they are made of the same sizes.
    some = [output for output in outputs if output.spec.width == 160]
    again = await played(source, outputs, only=some)
    assert {
        output_id: made.sha256 for output_id, made in again.items() if isinstance(made, Made)
    } == {output.id: hashes[output.id] for output in some}
    assert sorted(path.name for path in source.parent.iterdir()) == ["kept", "original"]


async def test_a_child_that_runs_into_a_limit_is_told_of(source: Path) -> None:
    outputs = wanted()
    results = await played(source, outputs, limits=SandboxLimits(wall_s=0.001))
    assert results.keys() == {output.id for output in outputs}
    for result in results.values():
        assert isinstance(result, NotMade)
        assert result.reason is Reason.CHILD_TIMEOUT
        assert result.death is not None
        assert result.death.limit == "wall"


async def test_a_source_that_does_not_decode_fails_and_kills_nobody(cut: Path) -> None:
    for result in (await played(cut, wanted())).values():
        assert isinstance(result, NotMade)
        assert (result.reason, result.death) == (Reason.IMAGE_TRUNCATED, None)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing() == []
    monkeypatch.setattr("picstore_converter.replay.NEEDS", ("pyvips", "no_such_package"))
    assert missing() == ["no_such_package"]
