"""What was found for one output is where the search for the next begins, and is told to callers."""

from __future__ import annotations

from dataclasses import replace

from picstore_catalog.mapping.image import output_message
from picstore_catalog.mapping.job import claim_message
from picstore_catalog.model.work import Claim
from picstore_imaging.formats import Format
from picstore_imaging.profile import Profile
from picstore_imaging.recipe import Recipe
from picstore_imaging.rules import AutoQuality, FormatRule, SizeRule
from picstore_kit.ids import ImageId
from tests.integration.catalog.images.catalog import Catalog, MakeCommit, Team, stored_file
from tests.integration.catalog.images.pictures import Pictures

SEARCHED = Profile(
    formats=(
        FormatRule(format=Format.WEBP, auto_quality=AutoQuality(target=80)),
        FormatRule(format=Format.JPEG),
    ),
    sizes=(SizeRule(width=400), SizeRule(width=800)),
)
FOUND = {400: 71, 800: 83}


async def claimed(pictures: Pictures, image_id: ImageId, *, generation: int = 1) -> Claim:
    (job_id,) = (await pictures.catalog.job_ids(image_id, generation=generation)).values()
    return await pictures.catalog.claim(job_id)


async def make(pictures: Pictures, claim: Claim) -> None:
    """Do what a converter does that finds other qualities for other sizes."""
    for wanted in claim.outputs:
        sought = wanted.spec.auto_quality is not None
        recipe = Recipe(
            steps=("encode",),
            encoder="some",
            encoder_version="1",
            quality=FOUND[wanted.spec.width] if sought else wanted.spec.quality,
            effort=2,
            metric="ssimulacra2" if sought else "",
            score=80.25 if sought else None,
            encodes=2 if sought else 1,
        )
        stored = replace(stored_file(claim, wanted), recipe=recipe)
        await pictures.catalog.complete(claim, wanted.id, stored)


def starts(claim: Claim) -> dict[tuple[Format, int], int | None]:
    return {(o.spec.format, o.spec.width): o.start_quality for o in claim.outputs}


async def searched(catalog: Catalog, team: Team, make_commit: MakeCommit) -> Pictures:
    profile = await catalog.add_profile(team, SEARCHED, name="searched")
    return Pictures(catalog, team, make_commit, profile)


async def test_the_first_picture_of_a_profile_has_no_start(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    pictures = await searched(catalog, team, make_commit)
    claim = await claimed(pictures, (await pictures.add()).id)
    assert set(starts(claim).values()) == {None}
    assert {wanted.start_quality for wanted in claim_message(claim).outputs} == {0}


async def test_a_replacement_begins_at_what_was_found_before(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    pictures = await searched(catalog, team, make_commit)
    image = await pictures.add()
    await make(pictures, await claimed(pictures, image.id))
    await pictures.replace(image.id)
    claim = await claimed(pictures, image.id, generation=2)
    assert starts(claim) == {
        (Format.WEBP, 400): 71,
        (Format.WEBP, 800): 83,
        (Format.JPEG, 400): None,
        (Format.JPEG, 800): None,
    }
    told = {wanted.start_quality for wanted in claim_message(claim).outputs}
    assert told == {0, 71, 83}


async def test_another_picture_begins_at_what_is_usual_for_its_profile(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    pictures = await searched(catalog, team, make_commit)
    await make(pictures, await claimed(pictures, (await pictures.add()).id))
    other = await catalog.commit(
        team, make_commit(upload_profile=pictures.profile, content=b"a second photo")
    )
    assert starts(await claimed(pictures, other.id)) == {
        (Format.WEBP, 400): 71,
        (Format.WEBP, 800): 71,
        (Format.JPEG, 400): None,
        (Format.JPEG, 800): None,
    }
    profile = await catalog.add_profile(team, SEARCHED, name="another")
    elsewhere = await catalog.commit(
        team, make_commit(upload_profile=profile, content=b"a third photo")
    )
    assert set(starts(await claimed(pictures, elsewhere.id)).values()) == {None}


async def test_callers_see_what_was_found_and_what_was_given(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    pictures = await searched(catalog, team, make_commit)
    image = await pictures.add()
    for output in (await pictures.look(image.id)).outputs:
        waiting = output_message(output)
        assert not waiting.HasField("quality")
        assert not waiting.HasField("score")
    await make(pictures, await claimed(pictures, image.id))
    for output in (await pictures.look(image.id)).outputs:
        message = output_message(output)
        if output.spec.format is Format.WEBP:
            assert message.quality == FOUND[output.spec.width]
            assert message.score == 80.25
            assert message.spec.auto_quality.target == 80
            assert message.spec.quality == 0
        else:
            assert message.quality == message.spec.quality == 80
            assert not message.HasField("score")
            assert not message.spec.HasField("auto_quality")
