"""ImageService, as users call it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1 import image_pb2, image_service_pb2, project_pb2
from picstore.catalog.v1.image_pb2 import Image
from picstore.jobs.v1.job_pb2 import Claim
from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import ImageId, ProjectId, TeamId, new_id
from picstore_kit.rpc.auth import Grant
from tests.contract.catalog.images.conftest import Callers, Client, complete_all


def announcement(project: project_pb2.Project, **fields: str) -> Image:
    image = Image(project_id=project.id, upload_profile="photos", filename="lake.jpg")
    for name, text in fields.items():
        setattr(image, name, text)
    return image


async def create(client: Client, image: Image, *, request_id: str = "") -> Image:
    return await client.images.CreateImage(
        image_service_pb2.CreateImageRequest(image=image, request_id=request_id)
    )


async def get(client: Client, image_id: str) -> Image:
    return await client.images.GetImage(image_service_pb2.GetImageRequest(image_id=image_id))


async def test_an_announced_picture_awaits_its_upload(
    user: Client, project: project_pb2.Project
) -> None:
    image = await create(
        user, announcement(project, filename="../A Lake.jpg", location="2026//May", alt_text="Lake")
    )

    assert image.state == Image.STATE_AWAITING_UPLOAD
    assert (image.filename, image.location, image.alt_text) == ("A-Lake.jpg", "2026/May", "Lake")
    assert image.upload_profile.startswith("upr_")
    assert await get(user, image.id) == image


async def test_announcing_with_a_request_id_is_done_once(
    user: Client, project: project_pb2.Project
) -> None:
    request_id = str(uuid.uuid4())
    image = await create(user, announcement(project), request_id=request_id)

    assert await create(user, announcement(project), request_id=request_id) == image
    with pytest.raises(AlreadyExists) as refused:
        await create(user, announcement(project, filename="other.jpg"), request_id=request_id)
    assert refused.value.reason is Reason.REQUEST_ID_REUSED


async def test_a_ready_picture_shows_its_outputs(
    user: Client, converter: Client, image: Image, claim: Claim
) -> None:
    await complete_all(converter, claim)

    shown = await get(user, image.id)

    assert shown.state == Image.STATE_READY
    assert (shown.generation, shown.pending_generation) == (1, 0)
    assert shown.ready_time.ToDatetime() >= shown.commit_time.ToDatetime()
    assert len(shown.outputs) == 4
    for output in shown.outputs:
        assert output.state == image_pb2.Output.STATE_READY
        assert output.url == f"https://img.example.com/{output.object_key}"
        assert output.encode_cpu_ms == 17
    assert {output.mime_type for output in shown.outputs} == {"image/avif", "image/jpeg"}


async def test_a_ready_picture_has_a_finished_tag(
    user: Client, converter: Client, image: Image, claim: Claim
) -> None:
    await complete_all(converter, claim)

    picture = await user.images.GetPicture(
        image_service_pb2.GetPictureRequest(
            image_id=image.id, sizes="50vw", priority=True, css_class="hero"
        )
    )

    (avif,) = picture.sources
    assert avif.mime_type == "image/avif"
    assert [candidate.width for candidate in avif.candidates] == [400, 800]
    assert picture.fallback.mime_type == "image/jpeg"
    assert picture.fallback_url == picture.fallback.candidates[-1].url
    assert (picture.width, picture.height) == (800, 533)
    assert picture.html.startswith("<picture>\n  <source")
    assert 'alt="A lake"' in picture.html
    assert 'fetchpriority="high"' in picture.html
    assert 'class="hero"' in picture.html


async def test_a_picture_that_is_not_ready_has_no_tag(user: Client, image: Image) -> None:
    with pytest.raises(FailedPrecondition) as refused:
        await user.images.GetPicture(image_service_pb2.GetPictureRequest(image_id=image.id))

    assert refused.value.reason is Reason.STATE_WRONG


async def test_pictures_are_listed_page_by_page_newest_first(
    user: Client, project: project_pb2.Project
) -> None:
    made = [(await create(user, announcement(project))).id for _ in range(5)]
    listed, token = [], ""
    while True:
        page = await user.images.ListImages(
            image_service_pb2.ListImagesRequest(
                project_id=project.id, page_size=2, page_token=token
            )
        )
        listed += [image.id for image in page.images]
        if not (token := page.next_page_token):
            break

    assert listed == made[::-1]


async def test_a_page_token_belongs_to_its_filter(
    user: Client, project: project_pb2.Project
) -> None:
    for _ in range(2):
        await create(user, announcement(project))
    page = await user.images.ListImages(
        image_service_pb2.ListImagesRequest(project_id=project.id, page_size=1)
    )

    with pytest.raises(InvalidArgument) as refused:
        await user.images.ListImages(
            image_service_pb2.ListImagesRequest(
                project_id=project.id,
                page_size=1,
                page_token=page.next_page_token,
                state=Image.STATE_READY,
            )
        )

    assert refused.value.reason is Reason.PAGE_TOKEN_INVALID


async def test_a_list_can_be_of_one_state(
    user: Client, project: project_pb2.Project, image: Image
) -> None:
    await create(user, announcement(project))

    page = await user.images.ListImages(
        image_service_pb2.ListImagesRequest(project_id=project.id, state=Image.STATE_CONVERTING)
    )

    assert [listed.id for listed in page.images] == [image.id]
    assert not page.images[0].outputs


async def test_a_lookup_tells_known_hashes_from_unknown_ones(
    user: Client, project: project_pb2.Project, image: Image
) -> None:
    unknown = "00" * 32
    response = await user.images.LookupImages(
        image_service_pb2.LookupImagesRequest(
            project_id=project.id, sha256s=[image.sha256.upper(), unknown, unknown]
        )
    )

    assert [found.id for found in response.images] == [image.id]
    assert list(response.unknown_sha256s) == [unknown]


@pytest.mark.parametrize("sha256s", [["00" * 32] * 1001, ["00" * 31], ["no hash"]])
async def test_a_lookup_of_what_is_no_list_of_hashes_is_refused(
    user: Client, project: project_pb2.Project, sha256s: list[str]
) -> None:
    with pytest.raises(InvalidFields, match="sha256s"):
        await user.images.LookupImages(
            image_service_pb2.LookupImagesRequest(project_id=project.id, sha256s=sha256s)
        )


async def test_the_alt_text_can_be_changed_and_cleared(user: Client, image: Image) -> None:
    seen = await get(user, image.id)
    changed = await user.images.UpdateImage(
        image_service_pb2.UpdateImageRequest(
            image=Image(id=image.id, alt_text="A sea", etag=seen.etag)
        )
    )
    cleared = await user.images.UpdateImage(
        image_service_pb2.UpdateImageRequest(
            image=Image(id=image.id, etag=changed.etag), update_mask=FieldMask(paths=["alt_text"])
        )
    )

    assert (changed.alt_text, cleared.alt_text) == ("A sea", "")
    with pytest.raises(Aborted) as refused:
        await user.images.UpdateImage(
            image_service_pb2.UpdateImageRequest(
                image=Image(id=image.id, alt_text="x", etag=seen.etag)
            )
        )
    assert refused.value.reason is Reason.ETAG_MISMATCH


async def test_only_the_alt_text_can_be_changed(user: Client, image: Image) -> None:
    with pytest.raises(InvalidFields, match="update_mask"):
        await user.images.UpdateImage(
            image_service_pb2.UpdateImageRequest(
                image=Image(id=image.id), update_mask=FieldMask(paths=["filename"])
            )
        )


async def test_pictures_of_another_team_are_not_found(
    user: Client, stranger: Client, project: project_pb2.Project, image: Image
) -> None:
    """Missing and foreign pictures are told of in the same words."""
    for image_id in (image.id, new_id(ImageId)):
        calls: list[Awaitable[object]] = [
            stranger.images.GetImage(image_service_pb2.GetImageRequest(image_id=image_id)),
            stranger.images.GetPicture(image_service_pb2.GetPictureRequest(image_id=image_id)),
            stranger.images.UpdateImage(
                image_service_pb2.UpdateImageRequest(image=Image(id=image_id, alt_text="mine"))
            ),
        ]
        for call in calls:
            with pytest.raises(NotFound) as refused:
                await call
            assert refused.value.message == f"there is no Image {image_id}"
    for project_id in (project.id, new_id(ProjectId)):
        project_calls: list[Awaitable[object]] = [
            stranger.images.ListImages(image_service_pb2.ListImagesRequest(project_id=project_id)),
            stranger.images.LookupImages(
                image_service_pb2.LookupImagesRequest(project_id=project_id, sha256s=[image.sha256])
            ),
            create(stranger, announcement(project_pb2.Project(id=project_id))),
        ]
        for project_call in project_calls:
            with pytest.raises(NotFound) as refused:
                await project_call
            assert refused.value.message == f"there is no Project {project_id}"


async def test_somebody_without_the_permission_is_told_which(
    callers: Callers, team_id: TeamId, project: project_pb2.Project, image: Image
) -> None:
    reader = await callers.user(
        team_id, [Grant(permission="image:read", project_id=ProjectId(project.id))]
    )
    uploader = await callers.user(
        team_id, [Grant(permission="image:create", project_id=ProjectId(project.id))]
    )

    assert (await get(reader, image.id)).id == image.id
    with pytest.raises(PermissionDenied, match="image:create"):
        await create(reader, announcement(project))
    with pytest.raises(PermissionDenied, match="image:edit"):
        await reader.images.UpdateImage(
            image_service_pb2.UpdateImageRequest(image=Image(id=image.id, alt_text="x"))
        )
    with pytest.raises(PermissionDenied, match="image:read"):
        await uploader.images.ListImages(image_service_pb2.ListImagesRequest(project_id=project.id))
