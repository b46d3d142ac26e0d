"""The catalog's settings."""

from __future__ import annotations

import base64

import pytest

from picstore_catalog.main import main
from picstore_catalog.settings import CatalogSettings
from picstore_kit.settings import SettingsError, load

ENVIRONMENT = {
    "PICSTORE_POSTGRES__DSN": "postgresql://picstore_catalog:hush@127.0.0.1/picstore",
    "PICSTORE_IDENTITY__NAME": "catalog",
    "PICSTORE_IDENTITY__SECRET": "hush",
    "PICSTORE_SEALING__KEYS": f'{{"k1": "{base64.b64encode(bytes(32)).decode()}"}}',
    "PICSTORE_SEALING__CURRENT": "k1",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_no_directory_is_allowed_unless_it_is_named(environment: pytest.MonkeyPatch) -> None:
    assert load(CatalogSettings).allowed_local_roots == ()

    environment.setenv("PICSTORE_ALLOWED_LOCAL_ROOTS", '["/srv/pictures"]')

    assert [str(root) for root in load(CatalogSettings).allowed_local_roots] == ["/srv/pictures"]


@pytest.mark.parametrize("root", ["pictures", "/srv/../etc"])
def test_a_root_is_absolute(environment: pytest.MonkeyPatch, root: str) -> None:
    environment.setenv("PICSTORE_ALLOWED_LOCAL_ROOTS", f'["{root}"]')

    with pytest.raises(SettingsError, match="PICSTORE_ALLOWED_LOCAL_ROOTS"):
        load(CatalogSettings)


def test_printed_settings_hold_no_secret(
    environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment.setattr("sys.argv", ["picstore-catalog", "--print-settings"])

    assert main() == 0

    printed = capsys.readouterr().out
    assert "PICSTORE_POSTGRES__DSN=" in printed
    assert "hush" not in printed
    assert base64.b64encode(bytes(32)).decode() not in printed
