"""UploadProfileService: where uploads go, and that they cannot go to another team."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1.conversion_profile_pb2 import ListConversionProfilesRequest
from picstore.catalog.v1.storage_location_pb2 import ListStorageLocationsRequest
from picstore.catalog.v1.upload_profile_pb2 import (
    CreateUploadProfileRequest,
    GetUploadProfileRequest,
    ListUploadProfilesRequest,
    UpdateUploadProfileRequest,
    UploadProfile,
)
from picstore_catalog.mapping.upload_profile import CHANGEABLE
from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import LocationId, ProjectId, TeamId, UploadProfileId, new_id
from picstore_kit.rpc.auth import Grant
from tests.contract.catalog.callers import ADMIN, Catalog, Client
from tests.contract.catalog.messages import document, upload_profile


@dataclass(frozen=True, kw_only=True)
class Team:
    """A team that was set up, and the ids of what it has by short name."""

    admin: Client
    projects: dict[str, ProjectId]
    locations: dict[str, str]
    conversion_profiles: dict[str, str]

    def profile(self, short_name: str = "avatars") -> UploadProfile:
        return upload_profile(
            short_name,
            project=self.projects["blog"],
            originals=self.locations["store"],
            outputs=self.locations["store"],
            conversion=self.conversion_profiles["web"],
        )


async def set_up(catalog: Catalog, operator: Client, team_id: TeamId) -> Team:
    admin = await catalog.user(team_id, ADMIN)
    made = await operator.bootstrap.ApplyBootstrap(document(team_id))
    locations = await admin.locations.ListStorageLocations(ListStorageLocationsRequest())
    conversions = await admin.conversion_profiles.ListConversionProfiles(
        ListConversionProfilesRequest()
    )
    return Team(
        admin=admin,
        projects={name: ProjectId(id) for name, id in made.project_ids.items()},
        locations={place.short_name: place.id for place in locations.storage_locations},
        conversion_profiles={
            profile.short_name: profile.id for profile in conversions.conversion_profiles
        },
    )


@pytest.fixture
async def team(catalog: Catalog, operator: Client, team_id: TeamId) -> Team:
    return await set_up(catalog, operator, team_id)


@pytest.fixture
async def other_team(catalog: Catalog, operator: Client) -> Team:
    return await set_up(catalog, operator, new_id(TeamId))


async def create(client: Client, profile: UploadProfile, *, request_id: str = "") -> UploadProfile:
    return await client.upload_profiles.CreateUploadProfile(
        CreateUploadProfileRequest(upload_profile=profile, request_id=request_id)
    )


async def get(client: Client, profile_id: str) -> UploadProfile:
    return await client.upload_profiles.GetUploadProfile(
        GetUploadProfileRequest(upload_profile_id=profile_id)
    )


async def update(client: Client, profile: UploadProfile, *paths: str) -> UploadProfile:
    return await client.upload_profiles.UpdateUploadProfile(
        UpdateUploadProfileRequest(upload_profile=profile, update_mask=FieldMask(paths=paths))
    )


async def list_names(client: Client, project_id: str) -> list[str]:
    listed = await client.upload_profiles.ListUploadProfiles(
        ListUploadProfilesRequest(project_id=project_id)
    )
    return [profile.short_name for profile in listed.upload_profiles]


async def test_a_profile_is_returned_as_it_was_made(team: Team) -> None:
    wanted = team.profile()
    wanted.originals_path = "/a//b/"

    made = await create(team.admin, wanted)

    assert made.id.startswith("upr_")
    assert made.originals_path == "a/b"
    assert made.conversion_profile_id == team.conversion_profiles["web"]
    assert await get(team.admin, made.id) == made


async def test_a_repeated_request_makes_one_profile(team: Team) -> None:
    first = await create(team.admin, team.profile(), request_id="once")

    assert await create(team.admin, team.profile(), request_id="once") == first
    with pytest.raises(AlreadyExists) as refused:
        await create(team.admin, team.profile("others"), request_id="once")
    assert refused.value.reason is Reason.REQUEST_ID_REUSED


async def test_a_short_name_is_unique_in_the_project(team: Team) -> None:
    with pytest.raises(AlreadyExists) as refused:
        await create(team.admin, team.profile("photos"))

    assert refused.value.metadata["field"] == "short_name"


@pytest.mark.parametrize(
    "field", ["originals_location_id", "outputs_location_id", "conversion_profile_id"]
)
async def test_what_belongs_to_another_team_is_not_found_by_its_field(
    team: Team, other_team: Team, field: str
) -> None:
    wanted = team.profile()
    foreign = other_team.profile()
    setattr(wanted, field, getattr(foreign, field))

    with pytest.raises(NotFound) as refused:
        await create(team.admin, wanted)

    assert [violation.field for violation in refused.value.violations] == [
        f"upload_profile.{field}"
    ]
    assert refused.value.metadata["resource_name"] == getattr(foreign, field)


async def test_what_is_for_another_project_is_a_wrong_field(team: Team) -> None:
    wanted = team.profile()
    wanted.outputs_location_id = team.locations["shop-store"]
    wanted.conversion_profile_id = team.conversion_profiles["shop-web"]

    with pytest.raises(InvalidFields) as refused:
        await create(team.admin, wanted)

    assert [(found.field, found.description) for found in refused.value.violations] == [
        ("upload_profile.outputs_location_id", "names a StorageLocation of another project"),
        ("upload_profile.conversion_profile_id", "names a ConversionProfile of another project"),
    ]


async def test_what_is_for_a_project_that_one_does_not_see_is_not_found(
    catalog: Catalog, team: Team, team_id: TeamId
) -> None:
    blogger = await catalog.user(
        team_id, [Grant(permission="upload_profile:write", project_id=team.projects["blog"])]
    )
    wanted = team.profile()
    wanted.conversion_profile_id = team.conversion_profiles["shop-web"]

    with pytest.raises(NotFound) as refused:
        await create(blogger, wanted)

    assert refused.value.metadata["resource_type"] == "ConversionProfile"


async def test_a_profile_is_not_made_in_another_teams_project(team: Team, other_team: Team) -> None:
    wanted = team.profile()
    wanted.project_id = other_team.projects["blog"]

    with pytest.raises(NotFound) as refused:
        await create(team.admin, wanted)

    assert refused.value.metadata["resource_type"] == "Project"


async def test_all_wrong_fields_are_named_at_once(team: Team) -> None:
    wanted = team.profile("No Short Name")
    wanted.originals_location_id = "store"
    wanted.outputs_path = "a/../b"

    with pytest.raises(InvalidFields) as refused:
        await create(team.admin, wanted)

    assert [violation.field for violation in refused.value.violations] == [
        "upload_profile.short_name",
        "upload_profile.originals_location_id",
        "upload_profile.outputs_path",
    ]


async def test_an_update_can_take_another_conversion_profile(team: Team) -> None:
    wanted = team.profile("items")
    wanted.project_id = team.projects["shop"]
    made = await create(team.admin, wanted)
    made.conversion_profile_id = team.conversion_profiles["shop-web"]
    made.outputs_path = "not in the mask"

    updated = await update(team.admin, made, "conversion_profile_id")

    assert updated.conversion_profile_id == team.conversion_profiles["shop-web"]
    assert updated.outputs_path == "web"
    assert await get(team.admin, made.id) == updated


async def test_an_update_cannot_refer_to_what_the_project_cannot_use(
    team: Team, other_team: Team
) -> None:
    made = await create(team.admin, team.profile())

    for location_id, refusal in (
        (other_team.locations["store"], NotFound),
        (team.locations["shop-store"], InvalidFields),
        (new_id(LocationId), NotFound),
    ):
        made.outputs_location_id = location_id
        with pytest.raises(refusal) as refused:
            await update(team.admin, made)
        assert refused.value.violations[0].field == "upload_profile.outputs_location_id"


@pytest.mark.parametrize("path", ["id", "project_id", "short_name"])
async def test_a_mask_names_nothing_that_cannot_change(team: Team, path: str) -> None:
    made = await create(team.admin, team.profile())

    with pytest.raises(InvalidFields) as refused:
        await update(team.admin, made, path)

    assert refused.value.metadata["fields"] == "update_mask"


async def test_an_update_of_an_older_version_is_refused(team: Team) -> None:
    made = await create(team.admin, team.profile())
    made.display_name = "Avatars"
    await update(team.admin, made)
    made.display_name = "Faces"

    with pytest.raises(Aborted) as refused:
        await update(team.admin, made)

    assert refused.value.reason is Reason.ETAG_MISMATCH


async def test_a_list_is_of_one_project(team: Team) -> None:
    await create(team.admin, team.profile())

    assert await list_names(team.admin, team.projects["blog"]) == ["photos", "avatars"]
    assert await list_names(team.admin, team.projects["shop"]) == ["photos"]


async def test_grants_on_another_project_do_not_help(
    catalog: Catalog, team: Team, team_id: TeamId
) -> None:
    made = await create(team.admin, team.profile())
    seller = await catalog.user(
        team_id,
        [
            Grant(permission=permission, project_id=team.projects["shop"])
            for permission in ("project:read", "upload_profile:write")
        ],
    )

    made.display_name = "Avatars"
    for attempt in (
        get(seller, made.id),
        update(seller, made),
        create(seller, team.profile("others")),
        list_names(seller, team.projects["blog"]),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_who_sees_the_project_is_told_the_permission_that_is_missing(
    catalog: Catalog, team: Team, team_id: TeamId
) -> None:
    made = await create(team.admin, team.profile())
    editor = await catalog.user(
        team_id, [Grant(permission="image:edit", project_id=team.projects["blog"])]
    )

    made.display_name = "Avatars"
    for attempt, permission in (
        (get(editor, made.id), "project:read"),
        (list_names(editor, team.projects["blog"]), "project:read"),
        (update(editor, made), "upload_profile:write"),
        (create(editor, team.profile("others")), "upload_profile:write"),
    ):
        with pytest.raises(PermissionDenied) as refused:
            await attempt
        assert refused.value.metadata == {"permission": permission}


async def test_another_teams_profile_does_not_exist(team: Team, other_team: Team) -> None:
    foreign = await create(other_team.admin, other_team.profile())

    for profile_id in (foreign.id, new_id(UploadProfileId)):
        with pytest.raises(NotFound):
            await get(team.admin, profile_id)
    foreign.display_name = "Ours now"
    with pytest.raises(NotFound):
        await update(team.admin, foreign)
    with pytest.raises(NotFound):
        await list_names(team.admin, other_team.projects["blog"])


async def test_an_update_changes_each_field_that_the_mask_names_and_no_other(team: Team) -> None:
    wanted = team.profile("items")
    wanted.project_id = team.projects["shop"]
    made = await create(team.admin, wanted)
    other = UploadProfile(
        id=made.id,
        display_name="Items",
        originals_location_id=team.locations["shop-store"],
        originals_path="o/p",
        outputs_location_id=team.locations["shop-store"],
        outputs_path="q/r",
        conversion_profile_id=team.conversion_profiles["shop-web"],
    )
    assert {field.name for field, _ in other.ListFields()} - {"id"} == CHANGEABLE

    expected = made
    for field in sorted(CHANGEABLE):
        updated = await update(team.admin, other, field)
        setattr(expected, field, getattr(other, field))
        expected.etag = updated.etag
        expected.update_time.CopyFrom(updated.update_time)
        assert updated == expected
        assert await get(team.admin, made.id) == expected


async def test_a_list_can_be_of_one_short_name(team: Team) -> None:
    made = await create(team.admin, team.profile())

    for short_name, ids in (("avatars", [made.id]), ("nothing", [])):
        listed = await team.admin.upload_profiles.ListUploadProfiles(
            ListUploadProfilesRequest(project_id=team.projects["blog"], short_name=short_name)
        )
        assert [profile.id for profile in listed.upload_profiles] == ids


async def test_pages_hold_every_profile_once_while_others_are_made(team: Team) -> None:
    names = [f"profile-{number}" for number in range(4)]
    for name in names:
        await create(team.admin, team.profile(name))
    seen: list[str] = []
    token = ""
    while True:
        page = await team.admin.upload_profiles.ListUploadProfiles(
            ListUploadProfilesRequest(
                project_id=team.projects["blog"], page_size=2, page_token=token
            )
        )
        seen += [profile.short_name for profile in page.upload_profiles]
        token = page.next_page_token
        if not token:
            break
        if len(seen) == 2:
            await create(team.admin, team.profile("latecomer"))

    assert seen == ["photos", *names, "latecomer"]
