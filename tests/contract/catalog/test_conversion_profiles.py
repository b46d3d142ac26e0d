"""ConversionProfileService: what is made of pictures, in revisions."""

from __future__ import annotations

import uuid

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1 import conversion_pb2
from picstore.catalog.v1.conversion_profile_pb2 import (
    ConversionProfile,
    CreateConversionProfileRequest,
    GetConversionProfileRequest,
    ListConversionProfilesRequest,
    UpdateConversionProfileRequest,
)
from picstore.catalog.v1.project_pb2 import CreateProjectRequest, Project
from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import ConversionProfileId, ProjectId, TeamId, new_id
from picstore_kit.rpc.auth import Grant
from tests.contract.catalog.callers import Catalog, Client
from tests.contract.catalog.messages import conversion_profile


async def create(client: Client, profile: ConversionProfile) -> ConversionProfile:
    return await client.conversion_profiles.CreateConversionProfile(
        CreateConversionProfileRequest(conversion_profile=profile)
    )


async def get(client: Client, profile_id: str) -> ConversionProfile:
    return await client.conversion_profiles.GetConversionProfile(
        GetConversionProfileRequest(conversion_profile_id=profile_id)
    )


async def update(client: Client, profile: ConversionProfile, *paths: str) -> ConversionProfile:
    return await client.conversion_profiles.UpdateConversionProfile(
        UpdateConversionProfileRequest(
            conversion_profile=profile, update_mask=FieldMask(paths=paths)
        )
    )


async def make_project(client: Client, short_name: str = "blog") -> ProjectId:
    request = CreateProjectRequest(project=Project(short_name=short_name))
    return ProjectId((await client.projects.CreateProject(request)).id)


async def test_a_profile_is_returned_with_its_defaults_spelt_out(admin: Client) -> None:
    made = await create(admin, conversion_profile())

    assert made.id.startswith("cpr_")
    assert made.revision == 1
    assert made.background == "#ffffff"
    assert made.formats[0].quality == 50
    assert not made.formats[1].HasField("quality")
    assert made.sizes[0] == conversion_pb2.SizeRule(
        width=400,
        fit=conversion_pb2.FIT_INSIDE,
        # It is the picture's focal point that decides.
        gravity=conversion_pb2.GRAVITY_UNSPECIFIED,
        when=conversion_pb2.WHEN_ALWAYS,
        densities=[conversion_pb2.Density(ratio=1)],
    )
    assert await get(admin, made.id) == made


async def test_every_rule_survives_the_database(admin: Client) -> None:
    wanted = ConversionProfile(
        short_name="all",
        display_name="All there is",
        formats=[
            conversion_pb2.FormatRule(
                format=conversion_pb2.FORMAT_WEBP,
                lossless=True,
                effort=6,
                only_from=[conversion_pb2.FORMAT_PNG, conversion_pb2.FORMAT_WEBP],
            ),
            conversion_pb2.FormatRule(
                format=conversion_pb2.FORMAT_AVIF,
                quality=40,
                not_from=[conversion_pb2.FORMAT_PNG],
                options=conversion_pb2.EncoderOptions(
                    chroma=conversion_pb2.CHROMA_FULL, bit_depth=10
                ),
            ),
            conversion_pb2.FormatRule(
                format=conversion_pb2.FORMAT_WEBP,
                options=conversion_pb2.EncoderOptions(near_lossless=0),
            ),
            conversion_pb2.FormatRule(
                format=conversion_pb2.FORMAT_PNG,
                options=conversion_pb2.EncoderOptions(colours=16, dithering=0),
            ),
            conversion_pb2.FormatRule(
                format=conversion_pb2.FORMAT_JPEG,
                options=conversion_pb2.EncoderOptions(
                    progressive=False, optimise_scans=False, trellis=True
                ),
            ),
            conversion_pb2.FormatRule(
                format=conversion_pb2.FORMAT_AVIF,
                auto_quality=conversion_pb2.AutoQuality(
                    metric=conversion_pb2.METRIC_SSIMULACRA2, target=77.5, max_quality=80
                ),
            ),
        ],
        sizes=[
            conversion_pb2.SizeRule(
                width=300,
                height=200,
                fit=conversion_pb2.FIT_COVER,
                gravity=conversion_pb2.GRAVITY_ATTENTION,
                when=conversion_pb2.WHEN_ONLY_UPSIZE,
                enlarge=True,
                densities=[
                    conversion_pb2.Density(ratio=1),
                    conversion_pb2.Density(ratio=1.5, quality=30),
                ],
            )
        ],
        background="#A0b1C2",
        metadata=conversion_pb2.METADATA_POLICY_KEEP_ALL,
        keep_gps=True,
        colour=conversion_pb2.COLOUR_POLICY_KEEP_WIDE,
        skip_if_larger_percent=0,
    )

    made = await create(admin, wanted)

    assert list(made.formats) == list(wanted.formats)
    assert list(made.sizes) == list(wanted.sizes)
    assert made.background == "#a0b1c2"
    assert made.metadata == wanted.metadata
    assert made.keep_gps
    assert made.colour == wanted.colour
    assert made.HasField("skip_if_larger_percent")
    assert await get(admin, made.id) == made


async def test_what_a_profile_says_besides_changes_one_by_one(admin: Client) -> None:
    made = await create(admin, conversion_profile())
    assert made.metadata == conversion_pb2.METADATA_POLICY_STRIP
    assert made.colour == conversion_pb2.COLOUR_POLICY_SRGB
    assert not made.HasField("skip_if_larger_percent")

    wanted = ConversionProfile(
        id=made.id,
        metadata=conversion_pb2.METADATA_POLICY_KEEP_COPYRIGHT,
        skip_if_larger_percent=40,
    )
    changed = await update(admin, wanted)

    assert changed.revision == 2
    assert changed.metadata == wanted.metadata
    assert changed.skip_if_larger_percent == 40
    assert list(changed.formats) == list(made.formats)
    cleared = await update(admin, ConversionProfile(id=made.id), "skip_if_larger_percent")
    assert not cleared.HasField("skip_if_larger_percent")
    assert cleared.metadata == wanted.metadata
    with pytest.raises(InvalidFields) as refused:
        await update(admin, ConversionProfile(id=made.id, keep_gps=True))
    assert refused.value.metadata["fields"] == "conversion_profile.keep_gps"


async def test_every_wrong_field_is_named_by_its_path_in_the_request(admin: Client) -> None:
    wrong = conversion_profile("No Short Name")
    wrong.formats[0].quality = 101
    wrong.sizes[0].width = 0
    wrong.sizes[1].densities.add(ratio=9)
    wrong.background = "white"
    wrong.formats[1].options.near_lossless = 60
    wrong.formats[1].auto_quality.metric = 99  # type: ignore[assignment]  # the same
    wrong.formats[1].auto_quality.target = 96
    wrong.metadata = 99  # type: ignore[assignment]  # what a newer client might send
    wrong.skip_if_larger_percent = -1

    with pytest.raises(InvalidFields) as refused:
        await create(admin, wrong)

    assert {violation.field for violation in refused.value.violations} == {
        "conversion_profile.short_name",
        "conversion_profile.formats[0].quality",
        "conversion_profile.sizes[0].width",
        "conversion_profile.sizes[1].densities[0].ratio",
        "conversion_profile.background",
        "conversion_profile.formats[1].options.near_lossless",
        "conversion_profile.formats[1].auto_quality",
        "conversion_profile.formats[1].auto_quality.metric",
        "conversion_profile.formats[1].auto_quality.target",
        "conversion_profile.metadata",
        "conversion_profile.skip_if_larger_percent",
    }


async def test_an_enum_value_that_nobody_knows_is_a_wrong_field(admin: Client) -> None:
    wrong = conversion_profile()
    wrong.sizes[0].fit = 99  # type: ignore[assignment]  # what a newer client might send

    with pytest.raises(InvalidFields) as refused:
        await create(admin, wrong)

    assert refused.value.metadata["fields"] == "conversion_profile.sizes[0].fit"


async def test_outputs_that_would_be_the_same_are_refused(admin: Client) -> None:
    with pytest.raises(InvalidFields) as refused:
        await create(admin, conversion_profile(widths=(400, 800, 400)))

    assert refused.value.metadata["fields"] == "conversion_profile.sizes[2]"


async def test_a_change_of_what_it_makes_is_a_new_revision(admin: Client) -> None:
    made = await create(admin, conversion_profile())
    made.sizes.add(width=1600)
    made.display_name = "not in the mask"

    updated = await update(admin, made, "sizes")

    assert updated.revision == 2
    assert [size.width for size in updated.sizes] == [400, 800, 1600]
    assert list(updated.formats) == list(made.formats)
    assert not updated.display_name
    assert await get(admin, made.id) == updated


async def test_another_name_is_not_a_new_revision(admin: Client) -> None:
    made = await create(admin, conversion_profile())
    made.display_name = "For the web"

    updated = await update(admin, made)

    assert updated.revision == 1
    assert updated.display_name == "For the web"
    assert updated.etag != made.etag


async def test_writing_the_same_again_changes_nothing(admin: Client) -> None:
    made = await create(admin, conversion_profile())

    assert await update(admin, made, "*") == made


async def test_a_change_that_does_not_go_with_the_rest_is_refused(admin: Client) -> None:
    made = await create(admin, conversion_profile())
    made.formats.append(made.formats[1])

    with pytest.raises(InvalidFields) as refused:
        await update(admin, made, "formats")

    assert refused.value.metadata["fields"] == "conversion_profile.formats[2]"


async def test_a_change_of_an_older_version_is_refused(admin: Client) -> None:
    made = await create(admin, conversion_profile())
    newer = ConversionProfile()
    newer.CopyFrom(made)
    newer.background = "#000000"
    await update(admin, newer)
    made.background = "#111111"

    with pytest.raises(Aborted) as refused:
        await update(admin, made)

    assert refused.value.reason is Reason.ETAG_MISMATCH


async def test_a_short_name_is_unique_in_the_team(admin: Client, stranger: Client) -> None:
    project_id = await make_project(admin)
    await create(admin, conversion_profile())
    await create(stranger, conversion_profile())

    with pytest.raises(AlreadyExists) as refused:
        await create(admin, conversion_profile(project=project_id))

    assert refused.value.metadata["field"] == "short_name"


async def test_a_repeated_request_makes_one_profile(admin: Client) -> None:
    request = CreateConversionProfileRequest(
        conversion_profile=conversion_profile(), request_id=str(uuid.uuid4())
    )

    first = await admin.conversion_profiles.CreateConversionProfile(request)

    assert await admin.conversion_profiles.CreateConversionProfile(request) == first


async def test_a_profile_of_the_team_is_written_by_grants_on_the_team_only(
    catalog: Catalog, admin: Client, team_id: TeamId
) -> None:
    project_id = await make_project(admin)
    shared = await create(admin, conversion_profile("shared"))
    writer = await catalog.user(
        team_id,
        [
            Grant(permission=permission, project_id=project_id)
            for permission in ("conversion_profile:write", "project:read")
        ],
    )

    assert await get(writer, shared.id) == shared
    shared.background = "#000000"
    for attempt in (create(writer, conversion_profile("mine")), update(writer, shared)):
        with pytest.raises(PermissionDenied) as refused:
            await attempt
        assert refused.value.metadata == {"permission": "conversion_profile:write"}


async def test_a_profile_of_a_project_is_written_by_grants_on_it(
    catalog: Catalog, admin: Client, team_id: TeamId
) -> None:
    blog, shop = await make_project(admin, "blog"), await make_project(admin, "shop")
    writer = await catalog.user(
        team_id, [Grant(permission="conversion_profile:write", project_id=blog)]
    )

    made = await create(writer, conversion_profile(project=blog))

    made.background = "#000000"
    assert (await update(writer, made)).revision == 2
    with pytest.raises(NotFound):
        await create(writer, conversion_profile("other", project=shop))
    with pytest.raises(PermissionDenied):
        await get(writer, made.id)


async def test_a_profile_is_not_made_in_another_teams_project(
    admin: Client, stranger: Client
) -> None:
    foreign = await make_project(stranger)

    with pytest.raises(NotFound) as refused:
        await create(admin, conversion_profile(project=foreign))

    assert refused.value.metadata["resource_type"] == "Project"


async def test_another_teams_profile_does_not_exist(admin: Client, stranger: Client) -> None:
    foreign = await create(stranger, conversion_profile())

    for profile_id in (foreign.id, new_id(ConversionProfileId)):
        with pytest.raises(NotFound):
            await get(admin, profile_id)
    foreign.background = "#000000"
    with pytest.raises(NotFound):
        await update(admin, foreign)


async def test_a_list_has_the_teams_profiles_and_those_of_ones_projects(
    catalog: Catalog, admin: Client, stranger: Client, team_id: TeamId
) -> None:
    blog, shop = await make_project(admin, "blog"), await make_project(admin, "shop")
    await create(admin, conversion_profile("shared"))
    await create(admin, conversion_profile("for-blog", project=blog))
    await create(admin, conversion_profile("for-shop", project=shop))
    await create(stranger, conversion_profile("foreign"))
    reader = await catalog.user(team_id, [Grant(permission="project:read", project_id=shop)])

    listed = await reader.conversion_profiles.ListConversionProfiles(
        ListConversionProfilesRequest()
    )

    assert [profile.short_name for profile in listed.conversion_profiles] == [
        "shared",
        "for-shop",
    ]


async def test_a_list_can_be_of_one_short_name(admin: Client) -> None:
    made = await create(admin, conversion_profile("one"))
    await create(admin, conversion_profile("other"))

    for short_name, ids in (("one", [made.id]), ("nothing", [])):
        listed = await admin.conversion_profiles.ListConversionProfiles(
            ListConversionProfilesRequest(short_name=short_name)
        )
        assert [profile.id for profile in listed.conversion_profiles] == ids


async def test_pages_hold_every_profile_once_while_others_are_made(admin: Client) -> None:
    names = [f"profile-{number}" for number in range(5)]
    for name in names:
        await create(admin, conversion_profile(name))
    seen: list[str] = []
    token = ""
    while True:
        page = await admin.conversion_profiles.ListConversionProfiles(
            ListConversionProfilesRequest(page_size=2, page_token=token)
        )
        seen += [profile.short_name for profile in page.conversion_profiles]
        token = page.next_page_token
        if not token:
            break
        if len(seen) == 2:
            await create(admin, conversion_profile("latecomer"))

    assert seen == [*names, "latecomer"]
