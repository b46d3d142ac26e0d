"""StorageLocationService: what a team sets up itself."""

from __future__ import annotations

from uuid import uuid4

import pytest
from psycopg import sql

from picstore.catalog.v1 import storage_location_pb2
from picstore.catalog.v1.storage_location_pb2 import (
    GetStorageLocationRequest,
    ListStorageLocationsRequest,
    LocalProvider,
    ReencryptStorageSecretsRequest,
    S3Provider,
    StorageLocation,
)
from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import ProjectId, TeamId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.rpc.auth import Grant
from tests.contract.catalog.callers import Catalog, Client
from tests.contract.catalog.locations import create, delete, update
from tests.contract.catalog.messages import SECRET, bucket, document, location


async def operators(operator: Client, admin: Client, team_id: TeamId) -> StorageLocation:
    """Return the location that the operator has set up, which an upload profile uses."""
    await operator.bootstrap.ApplyBootstrap(document(team_id))
    listed = await admin.locations.ListStorageLocations(
        ListStorageLocationsRequest(short_name="store")
    )
    [found] = listed.storage_locations
    return found


def fields_of(refused: pytest.ExceptionInfo[InvalidFields]) -> set[str]:
    return {violation.field for violation in refused.value.violations}


async def test_a_team_sets_up_a_location_and_its_secret_is_never_returned(admin: Client) -> None:
    made = await create(admin)

    got = await admin.locations.GetStorageLocation(
        GetStorageLocationRequest(storage_location_id=made.id)
    )
    assert got == made
    assert not made.operator_managed
    assert made.s3.access_key_id == "AKIAIOSFODNN7"
    assert SECRET not in str(made)


async def test_a_secret_is_nowhere_in_the_database_in_clear(
    admin: Client, database: Database
) -> None:
    made = await create(admin, request_id=str(uuid4()))
    other = "another-" + SECRET
    message = StorageLocation(id=made.id, s3=S3Provider(secret_access_key=other))
    await update(admin, message, "s3.secret_access_key")

    # Binary columns are shown as hexadecimal digits.
    traces = [text for secret in (SECRET, other) for text in (secret, secret.encode().hex())]
    async with database.system_transaction() as conn:
        for table in ("storage_locations", "request_ids", "audit_outbox", "outbox"):
            cursor = await conn.execute(
                sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))
            )
            for (row,) in await cursor.fetchall():
                assert not [text for text in traces if text in row], table


async def test_creating_twice_with_one_request_id_makes_one_location(admin: Client) -> None:
    request_id = str(uuid4())
    first = await create(admin, request_id=request_id)

    assert await create(admin, request_id=request_id) == first
    with pytest.raises(AlreadyExists) as refused:
        await create(admin, location(s3=bucket(bucket="others")), request_id=request_id)
    assert refused.value.reason is Reason.REQUEST_ID_REUSED


async def test_a_short_name_is_taken_once_in_a_team(admin: Client, stranger: Client) -> None:
    await create(admin)
    await create(stranger)

    with pytest.raises(AlreadyExists) as refused:
        await create(admin)
    assert refused.value.metadata["field"] == "short_name"


async def test_everything_wrong_is_told_at_once(admin: Client) -> None:
    wrong = StorageLocation(
        short_name="Not Good",
        display_name="a\x00b",
        public_base_url="http://169.254.169.254/latest",
        cache_control="a\nb",
        project_id="usr_nonsense",
        s3=bucket(endpoint="https://10.0.0.1", bucket="X", prefix="../up", access_key_id=""),
    )
    with pytest.raises(InvalidFields) as refused:
        await create(admin, wrong)

    assert fields_of(refused) == {
        f"storage_location.{name}"
        for name in (
            "short_name",
            "display_name",
            "public_base_url",
            "cache_control",
            "project_id",
            "s3.endpoint",
            "s3.bucket",
            "s3.prefix",
            "s3.access_key_id",
            "s3.secret_access_key",
        )
    }


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://127.0.0.1",
        "https://localhost",
        "https://[::1]",
        "https://[::ffff:169.254.169.254]",
        "https://2130706433",
        "https://0x7f.1",
        "http://s3.example.com",
        "https://s3.example.com:5432",
    ],
)
async def test_an_endpoint_that_not_everybody_reaches_is_refused(
    admin: Client, endpoint: str
) -> None:
    with pytest.raises(InvalidFields) as refused:
        await create(admin, location(s3=bucket(endpoint=endpoint)))

    assert fields_of(refused) == {"storage_location.s3.endpoint"}


async def test_ambient_credentials_are_for_the_operator(admin: Client) -> None:
    with pytest.raises(InvalidFields) as refused:
        await create(admin, location(s3=bucket(access_key_id="", secret_access_key="")))

    assert "storage_location.s3.access_key_id" in fields_of(refused)


async def test_a_local_location_can_be_nowhere_but_under_the_teams_own_directory(
    admin: Client, stranger: Client, team_id: TeamId
) -> None:
    def local(directory: str) -> StorageLocation:
        return StorageLocation(short_name="disk", local=LocalProvider(directory=directory))

    for directory in (
        "/etc",
        "/srv/pictures",
        "/srv/pictures/web",
        f"/srv/pictures/{new_id(TeamId)}/web",
        f"/srv/pictures/{team_id}/../other",
        f"/srv/pictures/{team_id}-not",
        "relative",
    ):
        with pytest.raises(InvalidFields) as refused:
            await create(admin, local(directory))
        assert fields_of(refused) == {"storage_location.local.directory"}
    made = await create(admin, local(f"/srv/pictures/{team_id}/web"))
    assert made.local.directory == f"/srv/pictures/{team_id}/web"
    with pytest.raises(InvalidFields):
        await create(stranger, local(f"/srv/pictures/{team_id}/web"))


async def test_a_project_of_another_team_is_not_found(
    operator: Client, admin: Client, stranger: Client, team_id: TeamId
) -> None:
    made = await operator.bootstrap.ApplyBootstrap(document(team_id))
    blog = made.project_ids["blog"]

    for project_id in (blog, new_id(ProjectId)):
        with pytest.raises(NotFound) as refused:
            await create(stranger, location("mine", project=project_id))
        assert refused.value.metadata == {
            "resource_type": "Project",
            "resource_name": project_id,
        }
    assert (await create(admin, location("blogs", project=blog))).project_id == blog


async def test_who_may_write_in_one_project_makes_locations_for_it_alone(
    catalog: Catalog, operator: Client, team_id: TeamId
) -> None:
    made = await operator.bootstrap.ApplyBootstrap(document(team_id))
    blog, shop = (ProjectId(made.project_ids[name]) for name in ("blog", "shop"))
    blogger = await catalog.user(
        team_id,
        [
            Grant(permission="storage_location:write", project_id=blog),
            Grant(permission="project:read", project_id=shop),
        ],
    )

    assert (await create(blogger, location("blogs", project=blog))).project_id == blog
    for project_id in ("", shop):
        with pytest.raises(PermissionDenied) as refused:
            await create(blogger, location("others", project=project_id))
        assert refused.value.metadata == {"permission": "storage_location:write"}


async def test_fields_of_a_mask_change_and_others_stay(admin: Client) -> None:
    made = await create(admin)
    message = StorageLocation(
        id=made.id, display_name="Ours", s3=S3Provider(region="us-west-2", bucket="ignored")
    )

    changed = await update(admin, message, "display_name", "s3.region")

    assert (changed.display_name, changed.s3.region) == ("Ours", "us-west-2")
    assert changed.s3.bucket == made.s3.bucket
    assert changed.etag != made.etag
    assert (await update(admin, message, "display_name", "s3.region")).etag == changed.etag


async def test_without_a_mask_what_is_set_changes(admin: Client) -> None:
    made = await create(admin)

    changed = await update(
        admin, StorageLocation(id=made.id, s3=S3Provider(bucket="other-pictures"))
    )

    assert changed.s3.bucket == "other-pictures"
    assert changed.s3.endpoint == made.s3.endpoint
    assert changed.public_base_url == made.public_base_url


async def test_what_an_update_cannot_change_is_told(admin: Client, team_id: TeamId) -> None:
    made = await create(admin)

    with pytest.raises(InvalidFields) as refused:
        await update(admin, StorageLocation(id=made.id), "short_name", "operator_managed")
    assert fields_of(refused) == {"update_mask"}
    local = LocalProvider(directory=f"/srv/pictures/{team_id}/web")
    with pytest.raises(InvalidFields) as refused:
        await update(admin, StorageLocation(id=made.id, local=local))
    assert fields_of(refused) == {"storage_location.local.directory"}


async def test_a_new_access_key_needs_its_secret(admin: Client) -> None:
    made = await create(admin)
    message = StorageLocation(id=made.id, s3=S3Provider(access_key_id="AKIAOTHER"))

    with pytest.raises(InvalidFields) as refused:
        await update(admin, message, "s3.access_key_id")
    assert fields_of(refused) == {"storage_location.s3.secret_access_key"}
    message.s3.secret_access_key = "its-secret"
    changed = await update(admin, message)
    assert changed.s3.access_key_id == "AKIAOTHER"


async def test_a_change_of_what_somebody_else_has_changed_is_refused(admin: Client) -> None:
    made = await create(admin)
    await update(admin, StorageLocation(id=made.id, display_name="One"), "display_name")

    with pytest.raises(Aborted) as refused:
        await update(
            admin, StorageLocation(id=made.id, display_name="Two", etag=made.etag), "display_name"
        )
    assert refused.value.reason is Reason.ETAG_MISMATCH
    with pytest.raises(Aborted):
        await delete(admin, made.id, made.etag)


async def test_a_location_that_nothing_uses_is_deleted(admin: Client) -> None:
    made = await create(admin)

    await delete(admin, made.id, made.etag)

    with pytest.raises(NotFound):
        await delete(admin, made.id)


async def test_nobody_changes_or_tests_another_teams_location(
    admin: Client, stranger: Client
) -> None:
    made = await create(admin)

    with pytest.raises(NotFound):
        await update(stranger, StorageLocation(id=made.id, display_name="Mine"), "display_name")
    with pytest.raises(NotFound):
        await delete(stranger, made.id)
    with pytest.raises(NotFound):
        await stranger.locations.TestStorageLocation(
            storage_location_pb2.TestStorageLocationRequest(storage_location_id=made.id)
        )


async def test_a_team_uses_but_does_not_change_what_the_operator_has_set_up(
    operator: Client, admin: Client, team_id: TeamId
) -> None:
    theirs = await operators(operator, admin, team_id)
    assert theirs.operator_managed

    for refusing in (
        update(admin, StorageLocation(id=theirs.id, display_name="Ours"), "display_name"),
        delete(admin, theirs.id),
    ):
        with pytest.raises(FailedPrecondition) as refused:
            await refusing
        assert refused.value.reason is Reason.OPERATOR_MANAGED
        assert refused.value.metadata == {"resource_name": theirs.id}


async def test_a_location_in_use_stays_and_says_what_uses_it(
    operator: Client, admin: Client, team_id: TeamId, database: Database
) -> None:
    made = await operator.bootstrap.ApplyBootstrap(document(team_id))
    theirs = await operators(operator, admin, team_id)
    async with database.transaction(team=team_id) as conn:
        await conn.execute("UPDATE storage_locations SET operator_managed = false")

    with pytest.raises(FailedPrecondition) as refused:
        await delete(admin, theirs.id)

    assert refused.value.reason is Reason.RESOURCE_IN_USE
    assert refused.value.metadata == {
        "resource_type": "StorageLocation",
        "resource_name": theirs.id,
        "used_by": made.upload_profile_ids["blog/photos"],
        "used_by_count": "1",
    }


async def test_only_the_operator_has_secrets_sealed_again(admin: Client, operator: Client) -> None:
    await create(admin)

    with pytest.raises(PermissionDenied):
        await admin.locations.ReencryptStorageSecrets(ReencryptStorageSecretsRequest())
    done = await operator.locations.ReencryptStorageSecrets(ReencryptStorageSecretsRequest())
    assert (done.examined, done.reencrypted) == (1, 0)


async def test_a_list_can_be_asked_for_one_short_name(admin: Client) -> None:
    await create(admin, location("one"))
    two = await create(admin, location("two"))

    listed = await admin.locations.ListStorageLocations(
        ListStorageLocationsRequest(short_name="two")
    )
    assert list(listed.storage_locations) == [two]
