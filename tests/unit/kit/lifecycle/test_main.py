"""The command line that every service has."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from picstore_kit.lifecycle import Lifecycle
from picstore_kit.main import service_main
from picstore_kit.settings import PostgresSettings, ServiceSettings

STUBBORN = """
from __future__ import annotations
import asyncio, sys
from picstore_kit.lifecycle import Lifecycle
from picstore_kit.main import service_main
from picstore_kit.settings import ServiceSettings

async def build(settings: ServiceSettings, lifecycle: Lifecycle) -> None:
    async def hang() -> None:
        print("draining", flush=True)
        await asyncio.Event().wait()
    async def ready() -> None:
        print("ready", flush=True)
    lifecycle.on_warm(ready)
    lifecycle.on_drain(hang)

sys.exit(service_main("stubborn", ServiceSettings, build, []))
"""


class ExampleSettings(ServiceSettings):
    postgres: PostgresSettings


async def never(settings: ServiceSettings, lifecycle: Lifecycle) -> None:
    raise AssertionError("nothing is to be built")


def test_help_describes_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        service_main("catalog", ExampleSettings, never, ["--help"])
    assert caught.value.code == 0
    assert "PICSTORE_POSTGRES__DSN (required)" in capsys.readouterr().out


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        service_main("catalog", ExampleSettings, never, ["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.strip()


def test_wrong_settings_are_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert service_main("catalog", ExampleSettings, never, []) == 2
    assert "PICSTORE_POSTGRES__DSN is missing" in capsys.readouterr().err


def test_settings_are_printed_instead_of_serving(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICSTORE_POSTGRES__DSN", "postgresql://u:hunter2@db/picstore")
    assert service_main("catalog", ExampleSettings, never, ["--print-settings"]) == 0
    printed = capsys.readouterr().out
    assert "PICSTORE_POSTGRES__POOL_MAX=10" in printed
    assert "hunter2" not in printed


def test_second_signal_ends_a_service_that_hangs() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "draining\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
