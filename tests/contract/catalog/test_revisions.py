"""Revisions of conversion profiles: they are kept as they were, listed, and returned to."""

from __future__ import annotations

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1.conversion_profile_pb2 import (
    ConversionProfile,
    CreateConversionProfileRequest,
    GetConversionProfileRequest,
    ListConversionProfileRevisionsRequest,
    ListConversionProfileRevisionsResponse,
    RollbackConversionProfileRequest,
    UpdateConversionProfileRequest,
)
from picstore_kit.errors import (
    Aborted,
    InvalidArgument,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import TeamId
from picstore_kit.rpc.auth import Grant
from tests.contract.catalog.callers import Catalog, Client
from tests.contract.catalog.messages import conversion_profile


@pytest.fixture
async def profile(admin: Client) -> ConversionProfile:
    """A conversion profile at its first revision."""
    return await admin.conversion_profiles.CreateConversionProfile(
        CreateConversionProfileRequest(conversion_profile=conversion_profile())
    )


async def change(client: Client, profile: ConversionProfile, **fields: str) -> ConversionProfile:
    """Change fields of the profile, whatever its version."""
    return await client.conversion_profiles.UpdateConversionProfile(
        UpdateConversionProfileRequest(
            conversion_profile=ConversionProfile(id=profile.id, **fields),  # type: ignore[arg-type]  # for brevity
            update_mask=FieldMask(paths=list(fields)),
        )
    )


async def get(client: Client, profile: ConversionProfile, revision: int) -> ConversionProfile:
    return await client.conversion_profiles.GetConversionProfile(
        GetConversionProfileRequest(conversion_profile_id=profile.id, revision=revision)
    )


async def roll_back(
    client: Client, profile: ConversionProfile, revision: int, *, etag: str = ""
) -> ConversionProfile:
    return await client.conversion_profiles.RollbackConversionProfile(
        RollbackConversionProfileRequest(
            conversion_profile_id=profile.id, revision=revision, etag=etag
        )
    )


async def list_revisions(
    client: Client, profile: ConversionProfile, *, page_size: int = 0, page_token: str = ""
) -> ListConversionProfileRevisionsResponse:
    return await client.conversion_profiles.ListConversionProfileRevisions(
        ListConversionProfileRevisionsRequest(
            conversion_profile_id=profile.id, page_size=page_size, page_token=page_token
        )
    )


async def test_revisions_are_listed_newest_first_with_who_made_them(
    admin: Client, operator: Client, profile: ConversionProfile
) -> None:
    updated = await change(admin, profile, background="#000000")

    listed = (await list_revisions(admin, profile)).revisions

    assert [(kept.revision, kept.background) for kept in listed] == [
        (2, "#000000"),
        (1, "#ffffff"),
    ]
    assert {kept.creator[:4] for kept in listed} == {"usr_"}
    assert list(listed[1].formats) == list(profile.formats)
    assert list(listed[1].sizes) == list(profile.sizes)
    assert listed[0].create_time == updated.update_time


async def test_another_name_is_no_new_revision(admin: Client, profile: ConversionProfile) -> None:
    await change(admin, profile, display_name="For the web")

    assert len((await list_revisions(admin, profile)).revisions) == 1


async def test_an_earlier_revision_is_shown_as_it_was(
    admin: Client, profile: ConversionProfile
) -> None:
    updated = await change(admin, profile, background="#000000")

    earlier = await get(admin, profile, 1)

    assert (earlier.revision, earlier.background) == (1, "#ffffff")
    assert earlier.etag == updated.etag
    assert await get(admin, profile, 0) == await get(admin, profile, 2) == updated


async def test_rolling_back_makes_the_old_content_a_new_revision(
    admin: Client, profile: ConversionProfile
) -> None:
    changed = await change(admin, profile, background="#000000", display_name="Dark")

    returned = await roll_back(admin, profile, 1, etag=changed.etag)

    assert (returned.revision, returned.background) == (3, "#ffffff")
    assert returned.display_name == "Dark"
    assert returned.etag != changed.etag
    listed = (await list_revisions(admin, profile)).revisions
    assert [kept.background for kept in listed] == ["#ffffff", "#000000", "#ffffff"]


async def test_rolling_back_to_what_is_current_changes_nothing(
    admin: Client, profile: ConversionProfile
) -> None:
    assert await roll_back(admin, profile, 1) == profile
    await change(admin, profile, background="#000000")
    returned = await roll_back(admin, profile, 1)

    assert await roll_back(admin, profile, 1) == returned
    assert len((await list_revisions(admin, profile)).revisions) == 3


async def test_rolling_back_what_has_changed_since_is_refused(
    admin: Client, profile: ConversionProfile
) -> None:
    await change(admin, profile, background="#000000")

    with pytest.raises(Aborted) as refused:
        await roll_back(admin, profile, 1, etag=profile.etag)

    assert refused.value.reason is Reason.ETAG_MISMATCH


async def test_a_revision_that_never_was_is_not_found(
    admin: Client, profile: ConversionProfile
) -> None:
    for attempt in (get(admin, profile, 2), roll_back(admin, profile, 2)):
        with pytest.raises(NotFound) as refused:
            await attempt
        assert refused.value.metadata["resource_type"] == "ConversionProfileRevision"


async def test_a_wrong_revision_and_a_wrong_id_are_named_at_once(admin: Client) -> None:
    wrong = ConversionProfile(id="prj_1")

    for attempt in (get(admin, wrong, -1), roll_back(admin, wrong, -1)):
        with pytest.raises(InvalidFields) as refused:
            await attempt
        assert refused.value.metadata["fields"] == "conversion_profile_id,revision"


async def test_pages_of_revisions_survive_changes_in_between(
    admin: Client, profile: ConversionProfile
) -> None:
    for number in range(1, 6):
        await change(admin, profile, background=f"#00000{number}")
    seen: list[int] = []
    token = ""
    while True:
        page = await list_revisions(admin, profile, page_size=2, page_token=token)
        seen += [kept.revision for kept in page.revisions]
        token = page.next_page_token
        if not token:
            break
        await change(admin, profile, background=f"#11111{len(seen)}")

    assert seen == [6, 5, 4, 3, 2, 1]


async def test_a_page_token_is_bound_to_its_profile(
    admin: Client, profile: ConversionProfile
) -> None:
    await change(admin, profile, background="#000000")
    page = await list_revisions(admin, profile, page_size=1)
    other = await admin.conversion_profiles.CreateConversionProfile(
        CreateConversionProfileRequest(conversion_profile=conversion_profile("other"))
    )

    with pytest.raises(InvalidArgument) as refused:
        await list_revisions(admin, other, page_token=page.next_page_token)

    assert refused.value.reason is Reason.PAGE_TOKEN_INVALID


async def test_the_history_is_for_readers_and_rolling_back_for_writers(
    catalog: Catalog, admin: Client, stranger: Client, team_id: TeamId, profile: ConversionProfile
) -> None:
    reader = await catalog.user(team_id, [Grant(permission="project:read")])
    uploader = await catalog.user(team_id, [Grant(permission="image:create")])

    assert (await list_revisions(reader, profile)).revisions
    for attempt, refusal in (
        (list_revisions(uploader, profile), PermissionDenied),
        (roll_back(reader, profile, 1), PermissionDenied),
        (list_revisions(stranger, profile), NotFound),
        (roll_back(stranger, profile, 1), NotFound),
    ):
        with pytest.raises(refusal):
            await attempt
