"""A real store with identities that lack one right each."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from picstore_catalog.model.storage_location import S3Bucket, StorageLocation
from picstore_catalog.model.storage_test import Report, Step
from picstore_catalog.stores import GuardedReach
from picstore_catalog.usecases.locations import LocationSecrets
from picstore_catalog.usecases.storage_test import LocationTester
from picstore_kit.ids import LocationId, new_id
from picstore_kit.net.egress import EgressPolicy
from picstore_kit.sealing import Sealer
from picstore_kit.settings import EgressSettings, SealingSettings
from picstore_local.datadir import DataDir
from picstore_local.s3 import EmbeddedS3, S3Access

SECRET = "limited-secret"
LIMITED = {
    "reads-only": ["Read", "List"],
    "does-not-list": ["Read", "Write"],
    "writes-only": ["Write"],
}


class _Restricted(EmbeddedS3):
    """The embedded store, with some more identities."""

    def _identities(self) -> str:
        known = json.loads(super()._identities())
        known["identities"] += [
            {
                "name": name,
                "credentials": [{"accessKey": name, "secretKey": SECRET}],
                "actions": actions,
            }
            for name, actions in LIMITED.items()
        ]
        return json.dumps(known)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Access]:
    data_dir = DataDir(tmp_path_factory.mktemp("restricted"))
    server = _Restricted(data_dir, originals_bucket="originals", outputs_bucket="outputs")
    with asyncio.Runner() as runner:
        data_dir.acquire()
        runner.run(server.start())
        try:
            yield server.access
        finally:
            runner.run(server.stop())
            data_dir.release()


@pytest.fixture
def secrets() -> LocationSecrets:
    key = SecretStr(base64.b64encode(bytes(32)).decode())
    return LocationSecrets(Sealer(SealingSettings(keys={"k1": key}, current="k1")))


@pytest.fixture
def location(store: S3Access, secrets: LocationSecrets) -> Callable[..., StorageLocation]:
    """Make a location of a team in the store's public bucket, otherwise than usual."""

    def make(*, secret: str = "", **changed: Any) -> StorageLocation:
        location_id = new_id(LocationId)
        bucket = {
            "endpoint": store.endpoint,
            "region": store.region,
            "bucket": store.outputs_bucket,
            "prefix": "team/pictures",
            "access_key_id": store.access_key,
        }
        values = {
            "public_base_url": f"{store.endpoint}/{store.outputs_bucket}/team/pictures",
            "cache_control": "",
        }
        bucket |= {name: value for name, value in changed.items() if name in bucket}
        values |= {name: value for name, value in changed.items() if name in values}
        return StorageLocation(
            id=location_id,
            project_id=None,
            short_name="store",
            display_name="",
            provider=S3Bucket(
                **bucket, sealed_secret=secrets.seal(location_id, secret or store.secret_key)
            ),
            operator_managed=False,
            **values,
        )

    return make


def location_tester(secrets: LocationSecrets, *allowed: str) -> LocationTester:
    """Return a tester that may go to these hosts."""
    return LocationTester(GuardedReach(secrets, EgressPolicy(EgressSettings(allowed=allowed))))


def steps(report: Report) -> dict[str, Step]:
    return {step.name: step for step in report.steps}


def outcomes(report: Report) -> dict[str, str]:
    return {step.name: step.outcome.name for step in report.steps}
