"""Settings from the environment, their errors, and what is printed of them."""

from __future__ import annotations

import base64
import json

import pytest
from pydantic import SecretStr

from picstore_kit.settings import (
    NATSSettings,
    PostgresSettings,
    SealingSettings,
    ServiceIdentitySettings,
    ServiceSettings,
    SettingsError,
    describe_settings,
    load,
    print_settings,
    render_settings,
)

KEY = base64.b64encode(bytes(32)).decode()
GOOD = {
    "PICSTORE_POSTGRES__DSN": "postgresql://catalog:hunter2@db/picstore",
    "PICSTORE_NATS__URL": "nats://user:hunter2@bus:4222",
    "PICSTORE_IDENTITY__NAME": "catalog",
    "PICSTORE_IDENTITY__SECRET": "hunter2",
    "PICSTORE_SEALING__KEYS": json.dumps({"a": KEY}),
    "PICSTORE_SEALING__CURRENT": "a",
}


class ExampleSettings(ServiceSettings):
    postgres: PostgresSettings
    nats: NATSSettings = NATSSettings()
    identity: ServiceIdentitySettings
    sealing: SealingSettings


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def _complaint() -> str:
    with pytest.raises(SettingsError) as caught:
        load(ExampleSettings)
    return str(caught.value)


def test_groups_are_read_from_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICSTORE_POSTGRES__POOL_MAX", "20")
    monkeypatch.setenv("PICSTORE_DRAIN_DELAY_S", "0.5")
    settings = load(ExampleSettings)
    assert settings.postgres.dsn.get_secret_value() == GOOD["PICSTORE_POSTGRES__DSN"]
    assert settings.postgres.pool_max == 20
    assert settings.nats.url == GOOD["PICSTORE_NATS__URL"]
    assert settings.rpc.listen == "127.0.0.1:0"
    assert settings.drain_delay_s == 0.5
    assert settings.sealing.key_bytes() == {"a": bytes(32)}


def test_all_missing_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PICSTORE_POSTGRES__DSN")
    monkeypatch.delenv("PICSTORE_IDENTITY__NAME")
    monkeypatch.delenv("PICSTORE_IDENTITY__SECRET")
    complaint = _complaint()
    assert "PICSTORE_POSTGRES__DSN is missing" in complaint
    assert "PICSTORE_IDENTITY__NAME is missing" in complaint
    assert "PICSTORE_IDENTITY__SECRET is missing" in complaint
    assert "POOL_MIN" not in complaint


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("PICSTORE_POSTGRES__POOL_MAX", "many", "PICSTORE_POSTGRES__POOL_MAX: "),
        ("PICSTORE_POSTGRES__POOL_MIN", "11", "pool_min must not be greater than pool_max"),
        ("PICSTORE_POSTGRES__POOL_MAXX", "5", "PICSTORE_POSTGRES__POOL_MAXX is not a setting"),
        ("PICSTORE_TELEMETRY__LOG_FORMAT", "xml", "PICSTORE_TELEMETRY__LOG_FORMAT: "),
        ("PICSTORE_DRAIN_DELAY_S", "-1", "PICSTORE_DRAIN_DELAY_S: "),
        ("PICSTORE_SEALING__KEYS", "{", "PICSTORE_SEALING__KEYS: must be a JSON object"),
        ("PICSTORE_SEALING__KEYS", '{"a": "short"}', "PICSTORE_SEALING__KEYS: key 'a' must"),
        ("PICSTORE_SEALING__KEYS", '{"a": "YWJj"}', "must hold 32 bytes, not 3"),
        ("PICSTORE_SEALING__CURRENT", "b", "current names the key 'b'"),
    ],
)
def test_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)
    assert complaint in _complaint()


def test_complaints_do_not_repeat_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICSTORE_SEALING__KEYS", '{"a": "c2VjcmV0c2VjcmV0"}')
    monkeypatch.setenv("PICSTORE_POSTGRES__POOL_MAX", "c2VjcmV0")
    assert "c2VjcmV0" not in _complaint()


def test_no_secret_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    settings = load(ExampleSettings)
    print_settings(settings)
    printed = capsys.readouterr().out
    for text in (printed, repr(settings), str(settings)):
        assert "hunter2" not in text
        assert KEY not in text
    assert "PICSTORE_NATS__URL=nats://***@bus:4222" in printed.splitlines()
    assert "PICSTORE_IDENTITY__NAME=catalog" in printed.splitlines()


def test_what_is_printed_can_be_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = dict(
        line.split("=", 1) for line in render_settings(load(ExampleSettings)).splitlines()
    )
    for name, value in printed.items():
        if name not in GOOD:
            monkeypatch.setenv(name, value)
    assert load(ExampleSettings) == load(ExampleSettings)
    assert render_settings(load(ExampleSettings)).splitlines() == [
        f"{name}={value}" for name, value in printed.items()
    ]


def test_every_variable_is_described() -> None:
    description = describe_settings(ExampleSettings)
    assert "None\n" not in description
    assert "  PICSTORE_POSTGRES__DSN (required)\n      Connection string" in description
    assert "  PICSTORE_RPC__REFLECTION=true\n" in description


def test_settings_cannot_be_changed() -> None:
    settings = PostgresSettings(dsn=SecretStr("x"))
    with pytest.raises(ValueError, match="frozen"):
        settings.pool_max = 3
