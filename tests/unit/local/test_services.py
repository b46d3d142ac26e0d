"""What each service is told by its environment."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from picstore_kit.settings import SealingSettings
from picstore_local.services import SERVICES, ServiceSpec, Surroundings, environment


@pytest.fixture
def surroundings() -> Surroundings:
    return Surroundings(
        database_dsn="postgresql://admin:root-password@127.0.0.1:5432/picstore",
        nats_url="nats://user:bus-password@127.0.0.1:4222",
        s3_host="127.0.0.1:8333",
        targets={"auth": "127.0.0.1:1", "catalog": "127.0.0.1:2"},
        work_dir=Path("/data/work"),
        secret=lambda name: hashlib.sha256(name.encode()).hexdigest(),
        names=["auth", "catalog", "operator"],
    )


def _spec(name: str) -> ServiceSpec:
    return next(spec for spec in SERVICES if spec.name == name)


def _environment(name: str, surroundings: Surroundings, instance: str = "") -> dict[str, str]:
    return environment(
        _spec(name), surroundings, instance=instance or name, listen="127.0.0.1:7000"
    )


def test_a_service_logs_in_to_postgres_as_itself(surroundings: Surroundings) -> None:
    dsn = _environment("catalog", surroundings)["PICSTORE_POSTGRES__DSN"]
    assert "picstore_catalog" in dsn
    assert "admin" not in dsn
    assert "root-password" not in dsn


@pytest.mark.parametrize("name", ["converter", "gateway"])
def test_a_service_without_a_schema_gets_no_database(name: str, surroundings: Surroundings) -> None:
    assert "PICSTORE_POSTGRES__DSN" not in _environment(name, surroundings)


def test_auth_knows_the_digest_of_the_secret_that_each_service_has(
    surroundings: Surroundings,
) -> None:
    digests = json.loads(_environment("auth", surroundings)["PICSTORE_SERVICE_SECRETS"])
    secret = _environment("catalog", surroundings)["PICSTORE_IDENTITY__SECRET"]
    assert digests["catalog"] == hashlib.sha256(secret.encode()).hexdigest()
    assert set(digests) == {"auth", "catalog", "operator"}
    assert "PICSTORE_SERVICE_SECRETS" not in _environment("catalog", surroundings)


def test_sealing_keys_are_usable_and_not_shared(surroundings: Surroundings) -> None:
    keys = []
    for name in ("auth", "catalog"):
        variables = _environment(name, surroundings)
        sealing = SealingSettings.model_validate(
            {
                "keys": variables["PICSTORE_SEALING__KEYS"],
                "current": variables["PICSTORE_SEALING__CURRENT"],
            }
        )
        keys.append(sealing.key_bytes())
    assert keys[0] != keys[1]


def test_converters_do_not_share_a_work_directory(surroundings: Surroundings) -> None:
    folders = {
        _environment("converter", surroundings, instance)["PICSTORE_CONVERSION__WORK_DIR"]
        for instance in ("converter-1", "converter-2")
    }
    assert folders == {"/data/work/converter-1", "/data/work/converter-2"}


def test_the_gateway_listens_for_http_and_the_others_for_grpc(surroundings: Surroundings) -> None:
    assert _environment("gateway", surroundings)["PICSTORE_HTTP__LISTEN"] == "127.0.0.1:7000"
    assert _environment("upload", surroundings)["PICSTORE_RPC__LISTEN"] == "127.0.0.1:7000"


def test_services_start_only_after_earlier_ones() -> None:
    names = [spec.name for spec in SERVICES]
    for spec in SERVICES:
        assert set(spec.after) <= set(names[: names.index(spec.name)])
