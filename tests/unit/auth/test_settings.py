"""What auth can be told, and what it makes of nonsense."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta

import pytest

from picstore_auth.settings import AuthSettings
from picstore_kit.settings import SettingsError, load, render_settings

DIGEST = hashlib.sha256(b"a secret").hexdigest()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    key = base64.b64encode(bytes(32)).decode()
    monkeypatch.setenv("PICSTORE_POSTGRES__DSN", "host=db user=picstore_auth password=hush")
    monkeypatch.setenv("PICSTORE_SEALING__KEYS", json.dumps({"k1": key}))
    monkeypatch.setenv("PICSTORE_SEALING__CURRENT", "k1")
    monkeypatch.setenv("PICSTORE_SERVICE_SECRETS", json.dumps({"catalog": DIGEST}))


def test_secrets_are_read_as_digests() -> None:
    settings = load(AuthSettings)
    assert settings.secret_digests == {"catalog": hashlib.sha256(b"a secret").digest()}
    assert settings.rotate_after == timedelta(days=30)


def test_printed_settings_hold_no_secret() -> None:
    printed = render_settings(load(AuthSettings))
    assert "hush" not in printed
    assert DIGEST not in printed
    assert "PICSTORE_SERVICE_SECRETS" in printed


@pytest.mark.parametrize("value", ["nonsense", '{"catalog": "a secret"}', '{"catalog": "AB12"}'])
def test_wrong_service_secrets_name_their_variable(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("PICSTORE_SERVICE_SECRETS", value)
    with pytest.raises(SettingsError, match="PICSTORE_SERVICE_SECRETS") as caught:
        load(AuthSettings)
    assert "a secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PICSTORE_RATE_LIMITS__LOGIN_ACCOUNT", "often"),
        ("PICSTORE_RATE_LIMITS__CREDENTIAL_ADDRESS", ""),
        ("PICSTORE_PASSWORDS__TIME_COST", "0"),
        ("PICSTORE_SESSIONS__IDLE_DAYS", "-1"),
        ("PICSTORE_RPC__TRUSTED_PROXIES", '["somewhere"]'),
    ],
)
def test_wrong_setting_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load(AuthSettings)


def test_every_lane_of_a_hash_needs_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICSTORE_PASSWORDS__MEMORY_KIB", "16")
    with pytest.raises(SettingsError, match="8 times parallelism"):
        load(AuthSettings)


def test_trusted_proxies_are_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICSTORE_RPC__TRUSTED_PROXIES", '["10.0.0.0/8", "fd00::/8", "192.0.2.1"]')
    settings = load(AuthSettings)
    assert [str(network) for network in settings.rpc.trusted_proxies] == [
        "10.0.0.0/8",
        "fd00::/8",
        "192.0.2.1/32",
    ]
    assert '["10.0.0.0/8", "fd00::/8", "192.0.2.1/32"]' in render_settings(settings)
