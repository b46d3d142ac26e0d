"""The settings of the embedded stack."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from picstore_local.settings import LocalSettings


def test_a_store_of_ones_own_needs_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICSTORE_LOCAL__S3_ENDPOINT", "https://s3.example.org")
    with pytest.raises(ValidationError, match="needs s3_access_key and s3_secret_key"):
        LocalSettings()


def test_secrets_of_ones_own_servers_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICSTORE_LOCAL__POSTGRES_DSN", "postgresql://admin:hunter2@db.example/x")
    monkeypatch.setenv("PICSTORE_LOCAL__NATS_URL", "nats://user:hunter2@bus.example")
    settings = LocalSettings()
    assert settings.postgres_dsn is not None
    assert "hunter2" not in repr(settings)
