"""The supervisor, with services as small as can be on the real servers of the session."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from picstore_local.datadir import running_stack
from picstore_local.errors import AlreadyRunning, LocalError, ServerFailed
from picstore_local.foreground import run_in_foreground
from picstore_local.infrastructure import Infrastructure
from picstore_local.probes import grpc_serving
from picstore_local.reporter import SilentReporter
from picstore_local.services import Need, ServiceSpec
from picstore_local.settings import LocalSettings
from picstore_local.stack import Stack

_FAKES = Path(__file__).parent / "fakes"


class RecordingReporter(SilentReporter):
    """Remembers what a person would have read."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.troubles: list[tuple[str, str]] = []

    def line(self, name: str, text: str) -> None:
        self.lines.append((name, text))

    def trouble(self, name: str, text: str) -> None:
        self.troubles.append((name, text))


@pytest.fixture
def reporter() -> RecordingReporter:
    return RecordingReporter()


@pytest.fixture
def settings(infra: Infrastructure) -> LocalSettings:
    """Settings that name the session's servers, as of a machine that has its own."""
    return LocalSettings(
        postgres_dsn=SecretStr(infra.postgres_dsn),
        nats_url=SecretStr(infra.nats_url),
        s3_endpoint=infra.s3.endpoint,
        s3_access_key=infra.s3.access_key,
        s3_secret_key=SecretStr(infra.s3.secret_key),
    )


@pytest.fixture
def stack(tmp_path: Path, settings: LocalSettings, reporter: RecordingReporter) -> Stack:
    return _stack(tmp_path, settings, reporter)


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before


def _stack(tmp_path: Path, settings: LocalSettings, reporter: RecordingReporter) -> Stack:
    def spec(name: str, *after: str) -> ServiceSpec:
        needs = frozenset({Need.IDENTITY, Need.TARGETS, Need.NATS})
        return ServiceSpec(name=name, module="fake_service", needs=needs, after=after)

    search_path = os.pathsep.join([str(_FAKES), *filter(None, sys.path)])
    return Stack(
        tmp_path / "data",
        settings,
        services=(spec("auth"), spec("catalog", "auth"), spec("converter", "catalog")),
        reporter=reporter,
        environ={
            "PATH": os.defpath,
            "PYTHONPATH": search_path,
            "PICSTORE_FAKE_DIR": str(tmp_path),
        },
    )


def _order(tmp_path: Path) -> list[str]:
    return (tmp_path / "order").read_text().splitlines()


async def test_services_start_after_what_they_need_and_stop_in_reverse(
    stack: Stack, tmp_path: Path, reporter: RecordingReporter
) -> None:
    async with stack:
        assert list(stack.services) == ["auth", "catalog", "converter"]
        for target in stack.urls.grpc.values():
            assert await grpc_serving(target)
    assert _order(tmp_path) == [
        *("start auth", "start catalog", "start converter"),
        *("stop converter", "stop catalog", "stop auth"),
    ]
    assert ("catalog", "catalog says hello") in reporter.lines
    assert "hello" in (tmp_path / "data" / "logs" / "catalog.log").read_text()


async def test_several_converters_are_several_processes(
    tmp_path: Path, settings: LocalSettings, reporter: RecordingReporter
) -> None:
    many = settings.model_copy(update={"converters": 2})
    async with _stack(tmp_path, many, reporter) as stack:
        assert list(stack.services)[-2:] == ["converter-1", "converter-2"]
        assert stack.services["converter-1"].pid != stack.services["converter-2"].pid


async def test_a_service_that_does_not_start_ends_the_start_with_its_last_lines(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "catalog.broken").touch()
    with pytest.raises(ServerFailed, match="catalog exited with 1") as caught:
        await stack.start()
    assert "catalog cannot work like this" in str(caught.value)
    assert _order(tmp_path) == ["start auth", "stop auth"]


async def test_a_killed_service_comes_back_at_the_same_address(
    stack: Stack, reporter: RecordingReporter
) -> None:
    async with stack:
        catalog = stack.services["catalog"]
        pid = catalog.pid
        catalog.kill(signal.SIGKILL)
        await catalog.wait_replaced(pid)
        assert await grpc_serving(stack.urls.grpc["catalog"])
    assert [name for name, _ in reporter.troubles] == ["catalog"]
    assert "SIGKILL" in reporter.troubles[0][1]


async def test_a_restart_on_purpose_is_no_trouble(
    stack: Stack, reporter: RecordingReporter
) -> None:
    async with stack:
        catalog = stack.services["catalog"]
        pid = catalog.pid
        await catalog.restart()
        assert catalog.pid != pid
        assert await grpc_serving(stack.urls.grpc["catalog"])
    assert reporter.troubles == []


async def test_a_service_that_keeps_dying_ends_the_stack(stack: Stack, tmp_path: Path) -> None:
    async with stack:
        (tmp_path / "catalog.broken").touch()
        stack.services["catalog"].kill()
        failure = await stack.wait_failed()
    assert "catalog cannot work like this" in str(failure)


async def test_a_second_stack_on_the_same_data_is_refused_and_touches_nothing(
    stack: Stack, tmp_path: Path, settings: LocalSettings, reporter: RecordingReporter
) -> None:
    async with stack:
        state = (tmp_path / "data" / "state.json").read_bytes()
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}, since") as caught:
            await _stack(tmp_path, settings, reporter).start()
        assert stack.urls.grpc["catalog"] in str(caught.value)
        assert (tmp_path / "data" / "state.json").read_bytes() == state
        assert await grpc_serving(stack.urls.grpc["catalog"])


async def test_secrets_and_addresses_stay_the_same_between_starts(
    tmp_path: Path, settings: LocalSettings, reporter: RecordingReporter
) -> None:
    seen = []
    for _ in range(2):
        async with _stack(tmp_path, settings, reporter) as stack:
            seen.append((stack.secrets, stack.urls))
    assert seen[0] == seen[1]


async def test_a_signal_stops_a_stack_in_the_foreground(stack: Stack, tmp_path: Path) -> None:
    async def when_ready() -> bool:
        os.kill(os.getpid(), signal.SIGTERM)
        return True

    await run_in_foreground(stack, SilentReporter(), when_ready=when_ready)
    assert _order(tmp_path)[-1] == "stop auth"


async def test_the_foreground_ends_by_itself_when_its_work_is_done(
    stack: Stack, tmp_path: Path
) -> None:
    async def when_ready() -> bool:
        return False

    await run_in_foreground(stack, SilentReporter(), when_ready=when_ready)
    assert _order(tmp_path)[-1] == "stop auth"


async def test_a_second_signal_does_not_wait_for_anything(stack: Stack, tmp_path: Path) -> None:
    # Stopped, it cannot obey SIGTERM: only SIGKILL ends it.
    async def when_ready() -> bool:
        stack.services["catalog"].kill(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGINT)
        return True

    class Impatient(SilentReporter):
        def step(self, text: str) -> None:
            if text.startswith("stopping"):
                os.kill(os.getpid(), signal.SIGINT)

    await run_in_foreground(stack, Impatient(), when_ready=when_ready)
    assert "stop catalog" not in _order(tmp_path)


async def test_a_postgres_that_refuses_the_login_is_named(
    tmp_path: Path, settings: LocalSettings, reporter: RecordingReporter
) -> None:
    dsn = "postgresql://nobody:wrong@127.0.0.1:1/postgres"
    wrong = settings.model_copy(update={"postgres_dsn": SecretStr(dsn)})
    with pytest.raises(LocalError, match="Postgres does not let us in"):
        await _stack(tmp_path, wrong, reporter).start()


async def test_a_nats_that_refuses_the_login_is_named_without_its_password(
    tmp_path: Path, settings: LocalSettings, infra: Infrastructure, reporter: RecordingReporter
) -> None:
    address = infra.nats_url.partition("@")[2]
    wrong = settings.model_copy(
        update={"nats_url": SecretStr(f"nats://picstore:hunter2@{address}")}
    )
    with pytest.raises(LocalError, match=f"NATS at {address}: .*(?i:authorization)") as caught:
        await _stack(tmp_path, wrong, reporter).start()
    assert "hunter2" not in str(caught.value)


async def test_others_find_a_running_stack_by_its_directory(stack: Stack, tmp_path: Path) -> None:
    assert running_stack(tmp_path / "data") is None
    async with stack:
        found = running_stack(tmp_path / "data")
        assert found is not None
        assert found.pid == os.getpid()
        assert found.urls["catalog"] == stack.urls.grpc["catalog"]
        assert found.secrets["demo_api_key"] == stack.secrets.demo_api_key
        assert stack.secrets.demo_api_key not in repr(found)
    assert running_stack(tmp_path / "data") is None
