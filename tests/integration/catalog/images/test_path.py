"""From the commit of an upload to the picture that pages can show."""

from __future__ import annotations

from picstore_catalog.model.image import Image, ImageState

from .conftest import Catalog, Team, stored_file


async def test_a_committed_picture_is_ready_when_its_last_output_is(
    catalog: Catalog, team: Team, committed: Image
) -> None:
    claim = await catalog.claim((await catalog.job_ids(committed.id))["fast"])
    states = []
    for wanted in claim.outputs:
        completion = await catalog.complete(claim, wanted.id, stored_file(claim, wanted))
        states.append(completion.image_state)

    assert states == [ImageState.CONVERTING] * 3 + [ImageState.READY]
    image = await catalog.image(team, committed.id)
    assert image.generation == 1
