"""ListImages with filters and orders, and pictures by their hash, as users call them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from picstore.catalog.v1 import conversion_pb2, image_service_pb2, ingest_pb2, project_pb2
from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.image_service_pb2 import ListImagesRequest
from picstore_kit.errors import (
    InvalidArgument,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import (
    ConversionProfileId,
    ImageId,
    ProjectId,
    TeamId,
    UploadId,
    UploadProfileId,
    new_id,
)
from picstore_kit.pg.database import Database
from picstore_kit.rpc.auth import Grant
from tests.contract.catalog.images.conftest import Callers, Client

CLOCK = datetime(2026, 5, 1, tzinfo=UTC)

FILES = (
    # filename, size, tags
    ("Zebra.jpg", 300, ("Animal", "africa")),
    ("apple.jpg", 100, ("fruit",)),
    ("100%_Äpfel.png", 200, ("fruit", "animal")),
    ("banana.jpg", 100, ()),
    ("apple.jpg", 0, ("fruit",)),
)
"""Made one hour after the other; the last one awaits its upload."""


@pytest.fixture
async def ids(user: Client, project: project_pb2.Project, database: Database) -> list[str]:
    """The pictures of FILES by their place."""
    made = []
    for hour, (filename, size, tags) in enumerate(FILES):
        announced = Image(
            project_id=project.id, upload_profile="photos", filename=filename, tags=tags
        )
        image = await user.images.CreateImage(image_service_pb2.CreateImageRequest(image=announced))
        made.append(image.id)
        async with database.system_transaction() as conn:
            await conn.execute(
                "UPDATE images SET created_at = %s WHERE id = %s",
                (CLOCK + timedelta(hours=hour), image.id),
            )
        if size:
            await arrive(database, image.id, digest=bytes([hour]) * 32, size=size)
    return made


async def arrive(
    database: Database, image_id: str, *, digest: bytes, size: int = 100, state: str = "READY"
) -> None:
    """Have the bytes of an announced picture be there."""
    async with database.system_transaction() as conn:
        await conn.execute(
            """
            UPDATE images i
            SET state = %(state)s, upload_id = %(upload)s, original_key = 'k', format = 'jpeg',
                originals_location_id = u.originals_location_id, width = 1, height = 1, frames = 1,
                has_alpha = false, has_gps = false, size_bytes = %(size)s, sha256 = %(digest)s,
                committed_at = now(), conversion_profile_id = u.conversion_profile_id,
                conversion_profile_revision = 1,
                failure_reason = CASE WHEN %(state)s = 'FAILED' THEN 'IMAGE_CORRUPT' END
            FROM upload_profiles u
            WHERE u.id = i.upload_profile_id AND i.id = %(id)s
            """,
            {
                "id": image_id,
                "state": state,
                "upload": new_id(UploadId),
                "size": size,
                "digest": digest,
            },
        )


async def places(user: Client, ids: list[str], request: ListImagesRequest) -> list[int]:
    """The places in FILES of all that is listed, two pictures on a page."""
    listed: list[int] = []
    request.page_size = 2
    while True:
        page = await user.images.ListImages(request)
        listed += [ids.index(image.id) for image in page.images]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return listed


async def test_a_list_is_sorted_as_asked_and_ties_follow_the_ids(
    user: Client, project: project_pb2.Project, ids: list[str]
) -> None:
    for order_by, expected in (
        ("", [4, 3, 2, 1, 0]),
        ("create_time", [0, 1, 2, 3, 4]),
        ("create_time desc", [4, 3, 2, 1, 0]),
        ("filename", [2, 1, 4, 3, 0]),
        ("filename desc", [0, 3, 4, 1, 2]),
        ("size_bytes", [4, 1, 3, 2, 0]),
        (" size_bytes  desc", [0, 2, 3, 1, 4]),
    ):
        request = ListImagesRequest(project_id=project.id, order_by=order_by)
        assert await places(user, ids, request) == expected, order_by


async def test_a_list_has_what_passes_every_filter(
    user: Client, project: project_pb2.Project, ids: list[str]
) -> None:
    first, third = Timestamp(), Timestamp()
    first.FromDatetime(CLOCK + timedelta(hours=1))
    third.FromDatetime(CLOCK + timedelta(hours=3))
    for wanted, expected in (
        (ListImagesRequest(state=Image.STATE_AWAITING_UPLOAD), [4]),
        (ListImagesRequest(format=conversion_pb2.FORMAT_JPEG), [0, 1, 2, 3]),
        (ListImagesRequest(format=conversion_pb2.FORMAT_PNG), []),
        (ListImagesRequest(start_time=first, end_time=third), [1, 2]),
        (ListImagesRequest(filename_contains="APP"), [1, 4]),
        (ListImagesRequest(filename_contains="ana"), [3]),
        (ListImagesRequest(filename_contains="_äPF"), [2]),
        (ListImagesRequest(filename_contains="a%e"), []),
        (ListImagesRequest(filename_contains="a__le"), []),
        (ListImagesRequest(tags=["FRUIT "]), [1, 2, 4]),
        (ListImagesRequest(tags=["fruit", "Animal"]), [2]),
        (ListImagesRequest(tags=["fruit", "africa"]), []),
        (ListImagesRequest(sha256="02" * 32), [2]),
        (ListImagesRequest(sha256="AB" * 32), []),
        (ListImagesRequest(upload_profile="photos", state=Image.STATE_READY), [0, 1, 2, 3]),
    ):
        request = ListImagesRequest(project_id=project.id, order_by="create_time")
        request.MergeFrom(wanted)
        assert await places(user, ids, request) == expected, wanted


async def test_a_list_can_be_of_one_conversion_profile(
    user: Client, project: project_pb2.Project, ids: list[str]
) -> None:
    shown = await user.images.GetImage(image_service_pb2.GetImageRequest(image_id=ids[0]))
    request = ListImagesRequest(
        project_id=project.id, conversion_profile_id=shown.conversion_profile_id
    )

    assert await places(user, ids, request) == [3, 2, 1, 0]


async def test_everything_that_is_wrong_with_a_list_is_told_at_once(user: Client) -> None:
    with pytest.raises(InvalidFields) as refused:
        await user.images.ListImages(
            ListImagesRequest(
                project_id="img_1",
                page_size=-1,
                state=9,  # type: ignore[arg-type]  # there is no such state
                format=99,  # type: ignore[arg-type]  # there is no such format
                start_time=Timestamp(seconds=20),
                end_time=Timestamp(seconds=20),
                filename_contains="ab",
                tags=["fine", ""],
                sha256="xyz",
                conversion_profile_id="upr_1",
                order_by="filename asc",
            )
        )

    assert sorted(violation.field for violation in refused.value.violations) == [
        "conversion_profile_id",
        "end_time",
        "filename_contains",
        "format",
        "order_by",
        "page_size",
        "project_id",
        "sha256",
        "state",
        "tags[1]",
    ]


async def test_a_list_by_a_profile_that_is_not_the_teams_is_refused(
    user: Client, project: project_pb2.Project
) -> None:
    missing, profile = new_id(ConversionProfileId), new_id(UploadProfileId)
    with pytest.raises(NotFound, match=missing):
        await user.images.ListImages(
            ListImagesRequest(project_id=project.id, conversion_profile_id=missing)
        )
    with pytest.raises(NotFound, match=profile):
        await user.images.ListImages(
            ListImagesRequest(project_id=project.id, upload_profile=profile)
        )


async def test_pages_neither_repeat_nor_miss_a_picture_while_others_come(
    user: Client, project: project_pb2.Project, ids: list[str]
) -> None:
    newcomer = Image(project_id=project.id, upload_profile="photos", filename="apple.jpg")
    for order_by in ("create_time desc", "create_time", "filename", "size_bytes"):
        request = ListImagesRequest(project_id=project.id, order_by=order_by, page_size=1)
        page = await user.images.ListImages(request)
        seen = [image.id for image in page.images]
        for _ in range(3):
            await user.images.CreateImage(image_service_pb2.CreateImageRequest(image=newcomer))
            request.page_token = page.next_page_token
            page = await user.images.ListImages(request)
            seen += [image.id for image in page.images]
        while page.next_page_token:
            request.page_token = page.next_page_token
            page = await user.images.ListImages(request)
            seen += [image.id for image in page.images]
        assert len(seen) == len(set(seen)), order_by
        assert set(ids) <= set(seen), order_by


async def test_a_page_token_belongs_to_its_order(
    user: Client, project: project_pb2.Project, ids: list[str]
) -> None:
    first = await user.images.ListImages(
        ListImagesRequest(project_id=project.id, page_size=1, order_by="filename")
    )
    with pytest.raises(InvalidArgument) as refused:
        await user.images.ListImages(
            ListImagesRequest(
                project_id=project.id, order_by="size_bytes", page_token=first.next_page_token
            )
        )

    assert refused.value.reason is Reason.PAGE_TOKEN_INVALID


async def look_up(client: Client, project_id: str, sha256: str, **fields: str) -> Image:
    return await client.images.LookupImage(
        image_service_pb2.LookupImageRequest(project_id=project_id, sha256=sha256, **fields)
    )


@pytest.mark.parametrize("where", ["project", "everywhere"])
async def test_the_best_picture_of_a_hash_is_found(
    user: Client, project: project_pb2.Project, ids: list[str], database: Database, where: str
) -> None:
    """What is READY before what is CONVERTING, and then the newest; never what failed."""
    for place, state in enumerate(("READY", "READY", "CONVERTING", "FAILED", "CONVERTING")):
        await arrive(database, ids[place], digest=b"\xab" * 32, state=state)

    found = await look_up(user, project.id if where == "project" else "-", "AB" * 32)

    assert found.id == ids[1]
    assert not found.outputs


async def test_a_hash_of_what_failed_or_never_came_is_unknown(
    user: Client, project: project_pb2.Project, ids: list[str], database: Database
) -> None:
    await arrive(database, ids[0], digest=b"\xab" * 32, state="FAILED")
    for project_id in (project.id, "-"):
        with pytest.raises(NotFound) as refused:
            await look_up(user, project_id, "ab" * 32)
        assert refused.value.message == f"there is no Image {'ab' * 32}"


async def test_a_hash_that_only_others_know_is_unknown(
    callers: Callers,
    stranger: Client,
    team_id: TeamId,
    project: project_pb2.Project,
    ids: list[str],
) -> None:
    known = "00" * 32
    elsewhere = await callers.user(
        team_id, [Grant(permission="image:read", project_id=new_id(ProjectId))]
    )
    for caller in (stranger, elsewhere):
        with pytest.raises(NotFound, match=f"Image {known}"):
            await look_up(caller, "-", known)
        with pytest.raises(NotFound, match=f"Project {project.id}"):
            await look_up(caller, project.id, known)
        answer = await caller.images.LookupImages(
            image_service_pb2.LookupImagesRequest(project_id="-", sha256s=[known])
        )
        assert list(answer.unknown_sha256s) == [known]


async def test_a_lookup_needs_the_permission(
    callers: Callers, team_id: TeamId, project: project_pb2.Project, ids: list[str]
) -> None:
    uploader = await callers.user(
        team_id, [Grant(permission="image:create", project_id=ProjectId(project.id))]
    )
    for project_id in (project.id, "-"):
        with pytest.raises(PermissionDenied, match="image:read"):
            await look_up(uploader, project_id, "00" * 32)


async def test_a_lookup_by_a_profile_that_the_project_does_not_have_is_refused(
    user: Client, project: project_pb2.Project, ids: list[str]
) -> None:
    assert (await look_up(user, project.id, "00" * 32, upload_profile="photos")).id == ids[0]
    for project_id in (project.id, "-"):
        with pytest.raises(NotFound, match="UploadProfile other"):
            await look_up(user, project_id, "00" * 32, upload_profile="other")


async def test_every_wrong_hash_of_a_lookup_is_named(
    user: Client, project: project_pb2.Project
) -> None:
    with pytest.raises(InvalidFields) as refused:
        await user.images.LookupImages(
            image_service_pb2.LookupImagesRequest(
                project_id="x", sha256s=["00" * 32, "no hash", "00" * 31, "0x" + "00" * 31]
            )
        )

    assert [violation.field for violation in refused.value.violations] == [
        "project_id",
        "sha256s[1]",
        "sha256s[2]",
        "sha256s[3]",
    ]


async def test_two_pictures_of_one_name_never_share_an_object(
    user: Client, upload: Client, project: project_pb2.Project
) -> None:
    """Fault 13 of the predecessor: the second `photo.jpg` destroyed the first."""
    keys = set()
    for _ in range(2):
        announced = Image(project_id=project.id, upload_profile="photos", filename="photo.jpg")
        image = await user.images.CreateImage(image_service_pb2.CreateImageRequest(image=announced))
        resolved = await upload.ingest.ResolveUpload(
            ingest_pb2.ResolveUploadRequest(image_id=image.id)
        )
        keys.add(resolved.object_key)
        assert ImageId(image.id) in resolved.object_key

    assert len(keys) == 2
