"""What peers are asked to make is what we make."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from picstore_imaging.encoders import svt
from picstore_imaging.rules import Chroma, EncoderOptions
from tests.perf.imaging.ladder import DEFAULT, QUICK, SAME_ENCODER, WIDTHS, Ladder
from tests.perf.imaging.peers.peer import PeerFailed, Recipe, recipes, running, wanted
from tests.perf.imaging.ways import Photo, as_child


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A JPEG as wide as the widest output."""
    path = tmp_path / "a.jpg"
    Image.linear_gradient("L").convert("RGB").resize((WIDTHS[-1], 40)).save(path)
    return path


@pytest.mark.parametrize(
    ("ladder", "effort", "full"), [(QUICK, 2, False), (DEFAULT, 3, False), (SAME_ENCODER, 0, True)]
)
def test_peers_get_the_effort_of_libaom_that_comes_nearest(
    ladder: Ladder, effort: int, full: bool, picture: Path
) -> None:
    *_, spec = Photo.plan(picture, ladder.profile).specs
    assert ladder.avif.options == EncoderOptions(chroma=Chroma.FULL if full else None)
    assert wanted(spec) == {
        "format": "avif",
        "width": spec.width,
        "height": spec.height,
        "quality": spec.quality,
        "effort": effort,
        "fullChroma": full,
    }


def test_pillow_makes_every_output_in_the_size_that_we_make(picture: Path, tmp_path: Path) -> None:
    svt.configure()
    photo = Photo.plan(picture, QUICK.profile)
    as_child(photo, tmp_path)
    (recipe,) = [recipe for recipe in recipes() if recipe.name == "Pillow"]
    with running(recipe) as peer:
        assert peer.cpu_ms(picture, photo.specs, tmp_path) > 0
        for index, spec in enumerate(photo.specs):
            ours = tmp_path / f"ours-{index}.{spec.format.extension}"
            with Image.open(ours) as one, Image.open(peer.path(tmp_path, index, spec)) as other:
                assert (one.format, one.size) == (other.format, other.size)


def test_a_peer_that_ends_is_told_of(picture: Path, tmp_path: Path) -> None:
    photo = Photo.plan(picture, QUICK.profile)
    gone = Recipe(name="gone", command=(sys.executable, "-c", "input()"))
    with running(gone) as peer, pytest.raises(PeerFailed, match="gone"):
        peer.cpu_ms(picture, photo.specs, tmp_path)
