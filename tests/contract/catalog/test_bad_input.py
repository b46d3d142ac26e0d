"""Bad input for projects and profiles: every wrong field at once, by its path, and never a 500."""

from __future__ import annotations

import math

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1 import conversion_pb2
from picstore.catalog.v1.conversion_profile_pb2 import (
    ConversionProfile,
    CreateConversionProfileRequest,
    ListConversionProfilesRequest,
    UpdateConversionProfileRequest,
)
from picstore.catalog.v1.project_pb2 import (
    CreateProjectRequest,
    ListProjectsRequest,
    Project,
    UpdateProjectRequest,
)
from picstore.catalog.v1.upload_profile_pb2 import (
    CreateUploadProfileRequest,
    ListUploadProfilesRequest,
    UpdateUploadProfileRequest,
    UploadProfile,
)
from picstore_kit.errors import InvalidFields
from picstore_kit.ids import ConversionProfileId, LocationId, ProjectId, new_id
from tests.contract.catalog.callers import Client
from tests.contract.catalog.messages import conversion_profile, upload_profile


async def wrong_fields(client: Client, profile: ConversionProfile) -> set[str]:
    """Return the paths, within the profile, of what is refused of it."""
    with pytest.raises(InvalidFields) as refused:
        await client.conversion_profiles.CreateConversionProfile(
            CreateConversionProfileRequest(conversion_profile=profile)
        )
    return {
        violation.field.removeprefix("conversion_profile.")
        for violation in refused.value.violations
    }


async def test_every_enum_value_that_is_none_is_named_at_once(admin: Client) -> None:
    wrong = conversion_profile()
    wrong.formats[0].format = 77  # type: ignore[assignment]  # a newer client's
    wrong.formats[1].only_from.append(77)  # type: ignore[arg-type]
    wrong.formats[1].not_from.append(conversion_pb2.FORMAT_UNSPECIFIED)
    wrong.sizes[0].fit = 77  # type: ignore[assignment]
    wrong.sizes[0].gravity = -1  # type: ignore[assignment]
    wrong.sizes[1].when = 2**31 - 1  # type: ignore[assignment]

    assert await wrong_fields(admin, wrong) == {
        "formats[0].format",
        "formats[1].only_from[0]",
        "formats[1].not_from[0]",
        "sizes[0].fit",
        "sizes[0].gravity",
        "sizes[1].when",
    }


@pytest.mark.parametrize("ratio", [math.nan, math.inf, -math.inf, -1.0, 0.0, 0.5, 4.1], ids=str)
async def test_a_density_is_a_number_from_1_to_4(admin: Client, ratio: float) -> None:
    wrong = conversion_profile()
    wrong.sizes[0].densities.add(ratio=ratio)

    assert await wrong_fields(admin, wrong) == {"sizes[0].densities[0].ratio"}


@pytest.mark.parametrize("side", [-(2**31), -1, 0, 16_385, 2**31 - 1])
async def test_a_side_is_1_to_16384_pixels(admin: Client, side: int) -> None:
    wrong = conversion_profile()
    wrong.sizes[0].width = side
    wrong.sizes[1].height = side

    assert await wrong_fields(admin, wrong) == {"sizes[0].width", "sizes[1].height"}


@pytest.mark.parametrize(
    ("field", "value"), [("quality", 0), ("quality", 101), ("effort", -1), ("effort", 10)]
)
async def test_quality_and_effort_have_ranges(admin: Client, field: str, value: int) -> None:
    wrong = conversion_profile()
    for rule in wrong.formats:
        setattr(rule, field, value)

    assert await wrong_fields(admin, wrong) == {f"formats[{index}].{field}" for index in (0, 1)}


async def test_a_profile_makes_at_most_200_outputs(admin: Client) -> None:
    fits, over = (conversion_profile(widths=tuple(range(100, 100 + n))) for n in (100, 101))

    assert await wrong_fields(admin, over) == {"sizes"}
    made = await admin.conversion_profiles.CreateConversionProfile(
        CreateConversionProfileRequest(conversion_profile=fits)
    )
    assert len(made.sizes) == 100


async def test_a_profile_makes_something(admin: Client) -> None:
    with pytest.raises(InvalidFields) as refused:
        await admin.conversion_profiles.CreateConversionProfile(
            CreateConversionProfileRequest(conversion_profile=ConversionProfile(short_name="web"))
        )

    assert {violation.field for violation in refused.value.violations} >= {
        "conversion_profile.formats",
        "conversion_profile.sizes",
    }


async def test_outputs_of_equal_size_may_differ_in_quality_or_density_and_not_be_equal(
    admin: Client,
) -> None:
    distinct = conversion_profile(widths=(400,))
    distinct.formats.add(format=conversion_pb2.FORMAT_WEBP, quality=60)
    distinct.formats.add(format=conversion_pb2.FORMAT_WEBP, quality=100)
    distinct.sizes[0].densities.add(ratio=1)
    distinct.sizes[0].densities.add(ratio=2)
    equal = ConversionProfile()
    equal.CopyFrom(distinct)
    equal.sizes[0].densities.add(ratio=2, quality=30)
    repeated = ConversionProfile()
    repeated.CopyFrom(distinct)
    repeated.formats.add(format=conversion_pb2.FORMAT_WEBP, quality=60)

    assert await wrong_fields(admin, equal) == {"sizes[0].densities[2].ratio"}
    assert await wrong_fields(admin, repeated) == {"formats[4]"}
    made = await admin.conversion_profiles.CreateConversionProfile(
        CreateConversionProfileRequest(conversion_profile=distinct)
    )
    assert len(made.sizes[0].densities) == 2


BAD_SHORT_NAMES = ["-a", "a-", "A", "a b", "a_b", "ä", "a\n", "a\0", "a" * 64]


@pytest.mark.parametrize("short_name", BAD_SHORT_NAMES, ids=ascii)
async def test_a_short_name_keeps_its_grammar(admin: Client, short_name: str) -> None:
    project = Project(short_name=short_name)
    for attempt, field in (
        (
            admin.projects.CreateProject(CreateProjectRequest(project=project)),
            "project.short_name",
        ),
        (
            admin.conversion_profiles.CreateConversionProfile(
                CreateConversionProfileRequest(conversion_profile=conversion_profile(short_name))
            ),
            "conversion_profile.short_name",
        ),
        (admin.projects.ListProjects(ListProjectsRequest(short_name=short_name)), "short_name"),
        (
            admin.conversion_profiles.ListConversionProfiles(
                ListConversionProfilesRequest(short_name=short_name)
            ),
            "short_name",
        ),
        (
            admin.upload_profiles.ListUploadProfiles(
                ListUploadProfilesRequest(project_id=new_id(ProjectId), short_name=short_name)
            ),
            "short_name",
        ),
    ):
        with pytest.raises(InvalidFields) as refused:
            await attempt
        assert refused.value.metadata["fields"] == field


BAD_PATHS = ["..", "a/../b", "./a", "a/.", "a\\b", "a\0b", "a\nb", "a b", ".hidden", "a" * 301]


@pytest.mark.parametrize("path", BAD_PATHS, ids=ascii)
async def test_a_path_leads_nowhere_else(admin: Client, path: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        await admin.projects.CreateProject(
            CreateProjectRequest(project=Project(short_name="blog", base_path=path))
        )
    assert refused.value.metadata["fields"] == "project.base_path"

    wanted = upload_profile(
        project=new_id(ProjectId),
        originals=new_id(LocationId),
        outputs=new_id(LocationId),
        conversion=new_id(ConversionProfileId),
    )
    wanted.originals_path = wanted.outputs_path = path
    with pytest.raises(InvalidFields) as refused:
        await admin.upload_profiles.CreateUploadProfile(
            CreateUploadProfileRequest(upload_profile=wanted)
        )
    assert refused.value.metadata["fields"] == (
        "upload_profile.originals_path,upload_profile.outputs_path"
    )


@pytest.mark.parametrize("text", ["a" * 201, "a\0b", "a\x7f", "a\u202eb"], ids=ascii)
async def test_a_display_name_is_short_and_printable(admin: Client, text: str) -> None:
    wrong = conversion_profile()
    wrong.display_name = text
    assert await wrong_fields(admin, wrong) == {"display_name"}

    with pytest.raises(InvalidFields) as refused:
        await admin.projects.CreateProject(
            CreateProjectRequest(project=Project(short_name="blog", display_name=text))
        )
    assert refused.value.metadata["fields"] == "project.display_name"


async def test_an_update_names_a_wrong_id_mask_and_value_at_once(admin: Client) -> None:
    mask = FieldMask(paths=["display_name", "short_name"])

    for attempt, fields in (
        (
            admin.projects.UpdateProject(
                UpdateProjectRequest(
                    project=Project(id="upr_1", display_name="a\nb"), update_mask=mask
                )
            ),
            "project.id,update_mask,project.display_name",
        ),
        (
            admin.upload_profiles.UpdateUploadProfile(
                UpdateUploadProfileRequest(
                    upload_profile=UploadProfile(id="prj_1", display_name="a\nb"),
                    update_mask=mask,
                )
            ),
            "upload_profile.id,update_mask,upload_profile.display_name",
        ),
        (
            admin.conversion_profiles.UpdateConversionProfile(
                UpdateConversionProfileRequest(
                    conversion_profile=ConversionProfile(id="prj_1"), update_mask=mask
                )
            ),
            "conversion_profile.id,update_mask",
        ),
    ):
        with pytest.raises(InvalidFields) as refused:
            await attempt
        assert refused.value.metadata["fields"] == fields
