"""StorageLocationService: locations are tried out before pictures are trusted to them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from picstore.catalog.v1 import storage_location_pb2
from picstore.catalog.v1.storage_location_pb2 import (
    ListStorageLocationsRequest,
    S3Provider,
    StorageLocation,
    UpdateStorageLocationRequest,
)
from picstore_catalog.settings import CatalogSettings
from picstore_kit.errors import FailedPrecondition, PermissionDenied, Reason
from picstore_kit.ids import TeamId
from picstore_kit.rpc.auth import Grant
from picstore_kit.settings import EgressSettings
from tests.contract.catalog.callers import Catalog, Client
from tests.contract.catalog.locations import create
from tests.contract.catalog.messages import SECRET, bucket, location
from tests.fake_http import Answer, FakeServer, fake_http


@pytest.fixture
def elsewhere() -> Iterator[FakeServer]:
    """A store that refuses everything."""
    refusal = Answer(
        status=403,
        body=b"<Error><Code>SignatureDoesNotMatch</Code></Error>",
        headers={"Content-Type": "application/xml"},
    )
    with fake_http(lambda asked: refusal) as server:
        yield server


@pytest.fixture
async def settings(settings: CatalogSettings, elsewhere: FakeServer) -> CatalogSettings:
    """A catalog whose teams may reach that store, besides the public internet."""
    return settings.model_copy(update={"egress": EgressSettings(allowed=(elsewhere.host,))})


async def test_a_location_that_fails_its_test_is_not_made(
    admin: Client, elsewhere: FakeServer
) -> None:
    tried = location(s3=bucket(endpoint=elsewhere.url))

    with pytest.raises(FailedPrecondition) as refused:
        await create(admin, tried, require_test=True)

    assert refused.value.reason is Reason.STORAGE_TEST_FAILED
    assert refused.value.metadata["steps"] == "write"
    assert refused.value.metadata["write"].startswith("s3.secret_access_key")
    listed = await admin.locations.ListStorageLocations(ListStorageLocationsRequest())
    assert not listed.storage_locations


async def test_an_update_that_fails_its_test_changes_nothing(
    admin: Client, elsewhere: FakeServer
) -> None:
    made = await create(admin, location(s3=bucket(endpoint=elsewhere.url)))

    with pytest.raises(FailedPrecondition) as refused:
        await admin.locations.UpdateStorageLocation(
            UpdateStorageLocationRequest(
                storage_location=StorageLocation(id=made.id, s3=S3Provider(region="eu-west-1")),
                require_test=True,
            )
        )

    assert refused.value.reason is Reason.STORAGE_TEST_FAILED
    listed = await admin.locations.ListStorageLocations(ListStorageLocationsRequest())
    assert list(listed.storage_locations) == [made]


async def test_nothing_is_connected_to_for_who_may_not_make_a_location(
    catalog: Catalog, team_id: TeamId, elsewhere: FakeServer
) -> None:
    reader = await catalog.user(team_id, [Grant(permission="project:read")])

    with pytest.raises(PermissionDenied):
        await create(reader, location(s3=bucket(endpoint=elsewhere.url)), require_test=True)

    assert elsewhere.asked == []


async def test_testing_says_for_each_step_what_happened(
    admin: Client, elsewhere: FakeServer
) -> None:
    made = await create(admin, location(s3=bucket(endpoint=elsewhere.url)))

    tested = await admin.locations.TestStorageLocation(
        storage_location_pb2.TestStorageLocationRequest(storage_location_id=made.id)
    )

    assert not tested.passed
    assert [step.name for step in tested.steps][:3] == ["write", "read", "range"]
    assert "SignatureDoesNotMatch" in tested.steps[0].message
    assert SECRET not in str(tested)
