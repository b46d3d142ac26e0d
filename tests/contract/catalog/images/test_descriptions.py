"""What is said of pictures, as users say it, and what the audit log keeps of that."""

from __future__ import annotations

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from picstore.auth.v1.audit_pb2 import AuditEvent
from picstore.catalog.v1 import image_service_pb2, project_pb2
from picstore.catalog.v1.image_pb2 import FocalPoint, Image
from picstore.jobs.v1.job_pb2 import Claim
from picstore_kit.errors import InvalidFields
from picstore_kit.pg.database import Database
from tests.contract.catalog.images.conftest import Client, complete_all


async def update(client: Client, image: Image, *paths: str) -> Image:
    return await client.images.UpdateImage(
        image_service_pb2.UpdateImageRequest(image=image, update_mask=FieldMask(paths=paths))
    )


async def audited(database: Database) -> list[AuditEvent]:
    """What was done to pictures, in its order."""
    async with database.system_transaction() as conn:
        cursor = await conn.execute("SELECT event FROM audit_outbox ORDER BY id")
        events = [AuditEvent.FromString(bytes(event)) for (event,) in await cursor.fetchall()]
    return [event for event in events if event.resource_type == "Image"]


async def test_a_picture_is_announced_with_all_that_is_said_of_it(
    user: Client, project: project_pb2.Project
) -> None:
    image = await user.images.CreateImage(
        image_service_pb2.CreateImageRequest(
            image=Image(
                project_id=project.id,
                upload_profile="photos",
                filename="lake.jpg",
                alt_text="A lake",
                alt_texts={"de-at": "Ein See"},
                tags=["water", " Blue ", "blue"],
                metadata={"camera": "X100"},
                focal_point=FocalPoint(x=0.25, y=0.75),
            )
        )
    )
    shown = await user.images.GetImage(image_service_pb2.GetImageRequest(image_id=image.id))

    assert shown == image
    assert dict(shown.alt_texts) == {"de-AT": "Ein See"}
    assert list(shown.tags) == ["Blue", "water"]
    assert dict(shown.metadata) == {"camera": "X100"}
    assert shown.focal_point == FocalPoint(x=0.25, y=0.75)


async def test_everything_that_is_wrong_with_an_announcement_is_told_at_once(user: Client) -> None:
    with pytest.raises(InvalidFields) as refused:
        await user.images.CreateImage(
            image_service_pb2.CreateImageRequest(
                image=Image(
                    project_id="upr_1",
                    filename="x" * 1001,
                    alt_texts={"de_AT": "x"},
                    tags=[""],
                    focal_point=FocalPoint(x=float("nan")),
                )
            )
        )

    assert {violation.field for violation in refused.value.violations} == {
        "image.project_id",
        "image.filename",
        "image.alt_texts.de_AT",
        "image.tags[0]",
        "image.focal_point.x",
    }


async def test_one_entry_changes_and_the_others_stay(user: Client, image: Image) -> None:
    await update(
        user,
        Image(id=image.id, alt_texts={"de": "See", "fr": "Lac"}, metadata={"a": "1", "b": "2"}),
    )
    changed = await update(
        user,
        Image(id=image.id, alt_texts={"pt-BR": "Lago"}, metadata={"b": "3"}),
        "alt_texts.pt-BR",
        "alt_texts.fr",
        "metadata.a",
    )

    assert dict(changed.alt_texts) == {"de": "See", "pt-BR": "Lago"}
    assert dict(changed.metadata) == {"b": "2"}


async def test_the_tag_speaks_the_language_of_the_page(
    user: Client, converter: Client, image: Image, claim: Claim
) -> None:
    await complete_all(converter, claim)
    await update(user, Image(id=image.id, alt_texts={"de": "Ein <See>"}))

    async def picture(locale: str) -> str:
        request = image_service_pb2.GetPictureRequest(image_id=image.id, locale=locale)
        return (await user.images.GetPicture(request)).html

    assert 'alt="Ein &lt;See&gt;"' in await picture("de-AT")
    assert 'alt="A lake"' in await picture("fr")
    with pytest.raises(InvalidFields, match="locale"):
        await picture("de_AT")


async def test_what_is_said_of_a_picture_is_in_the_audit_log(
    user: Client, image: Image, database: Database
) -> None:
    await update(user, Image(id=image.id, tags=["water"]))
    await update(user, Image(id=image.id, tags=["water"]))

    committed, described = await audited(database)
    assert committed.resource_id == described.resource_id == image.id
    assert committed.project_id == described.project_id == image.project_id
    assert committed.service == "upload"
    assert committed.user_id
    assert {change.field: change.new_value for change in committed.changes} == {
        "filename": "A-Lake.jpg",
        "location": "2026",
        "upload_profile": image.upload_profile,
        "alt_text": "A lake",
        "sha256": image.sha256,
        "format": "jpeg",
        "size_bytes": "123456",
    }
    ((tags,), user_id) = (described.changes, described.user_id)
    assert (tags.field, tags.old_value, tags.new_value) == ("tags", "", '["water"]')
    assert user_id != committed.user_id
    assert described.method == "picstore.catalog.v1.ImageService/UpdateImage"


async def test_the_conversion_profile_of_a_picture_is_told(user: Client, image: Image) -> None:
    shown = await user.images.GetImage(image_service_pb2.GetImageRequest(image_id=image.id))

    assert shown.conversion_profile_id.startswith("cpr_")
    assert shown.conversion_profile_revision == 1
