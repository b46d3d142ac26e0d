"""What is said of something that was made once more."""

from __future__ import annotations

import pytest

from picstore.catalog.v1.conversion_pb2 import Recipe
from picstore_cli.replaying import Replayed
from picstore_converter.replay import Made, NotMade
from picstore_imaging.recipe import Recipe as MadeRecipe
from picstore_kit.errors import Reason
from picstore_kit.sandbox.errors import Death

MADE = Made(
    sha256="ab",
    size_bytes=3,
    recipe=MadeRecipe(steps=(), encoder="libpng", encoder_version="1", quality=None, effort=3),
)
GIVEN = Recipe(quality=80)
BEGUN = Recipe(quality=61, metric="ssimulacra2", start_quality=70)
OLD = Recipe(quality=61, metric="ssimulacra2")


def replayed(
    result: Made | NotMade = MADE, *, sha256: str = "ab", recipe: Recipe | None = GIVEN
) -> Replayed:
    return Replayed(
        id="out_1",
        what="avif 9×9",
        is_drawing=False,
        sha256=sha256,
        reason="",
        recipe=recipe,
        result=result,
    )


@pytest.mark.parametrize(
    ("one", "verdict"),
    [
        (replayed(), "same"),
        (replayed(sha256="cd"), "differs"),
        (replayed(sha256=""), "made"),
        (replayed(NotMade(reason=Reason.ENCODE_FAILED, message="")), "failed"),
        (
            replayed(NotMade(reason=Reason.CHILD_CRASHED, message="", death=Death(signal=11))),
            "died",
        ),
    ],
)
def test_the_verdict_is_of_the_bytes(one: Replayed, verdict: str) -> None:
    assert one.verdict == one.to_json()["verdict"] == verdict


def test_where_it_is_not_known_where_a_search_began_a_difference_says_so() -> None:
    told = replayed(sha256="cd", recipe=OLD).to_json()
    assert "does not say where the search for its quality began" in told["note"]
    for recipe in (GIVEN, BEGUN, None):
        assert "note" not in replayed(sha256="cd", recipe=recipe).to_json()
    assert "note" not in replayed(recipe=OLD).to_json()
