"""The embedded servers: what they keep, whom they let in, and what is left when they are killed."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import stat
import sys
from pathlib import Path

import httpx
import nats
import nats.errors
import psutil
import psycopg
import pytest
from nats.aio.client import Client as NATS

from picstore_local.errors import AlreadyRunning, PortTaken
from picstore_local.infrastructure import Infrastructure
from picstore_local.settings import LocalSettings

_FAKES = Path(__file__).parent / "fakes"


async def test_a_restart_keeps_addresses_secrets_and_data(tmp_path: Path) -> None:
    async with Infrastructure(tmp_path, LocalSettings()) as first:
        with psycopg.connect(first.postgres_dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        bus = await nats.connect(first.nats_url)
        await bus.jetstream().add_stream(name="KEPT", subjects=["kept"])
        await bus.jetstream().publish("kept", b"42")
        await bus.close()
        bucket = first.s3.outputs_bucket
        first.s3.client().put_object(bucket, "kept", io.BytesIO(b"42"), 2)

    async with Infrastructure(tmp_path, LocalSettings()) as second:
        assert second.postgres_dsn == first.postgres_dsn
        assert second.nats_url == first.nats_url
        assert second.s3 == first.s3
        with psycopg.connect(second.postgres_dsn) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        bus = await nats.connect(second.nats_url)
        message = await bus.jetstream().get_msg("KEPT", 1)
        assert message.data == b"42"
        await bus.close()
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.get(f"{second.s3.public_url}/{bucket}/kept")
        assert answer.content == b"42"


async def test_ports_that_nothing_depends_on_give_way(tmp_path: Path) -> None:
    async with Infrastructure(tmp_path, LocalSettings()) as first:
        object_url = f"{first.s3.public_url}/{first.s3.outputs_bucket}/kept"
        first.s3.client().put_object(first.s3.outputs_bucket, "kept", io.BytesIO(b"42"), 2)
        ports = _ports(tmp_path)

    strangers = [_listen(port) for name, port in ports.items() if name != "s3"]
    try:
        async with Infrastructure(tmp_path, LocalSettings()) as second:
            assert set(_ports(tmp_path).values()) & set(ports.values()) == {ports["s3"]}
            psycopg.connect(second.postgres_dsn).close()
            async with httpx.AsyncClient(timeout=60) as client:
                assert (await client.get(object_url)).content == b"42"
    finally:
        for stranger in strangers:
            stranger.close()


async def test_a_taken_port_that_urls_depend_on_is_an_error_that_says_what_to_do(
    tmp_path: Path,
) -> None:
    async with Infrastructure(tmp_path, LocalSettings()):
        port = _ports(tmp_path)["s3"]
    stranger = _listen(port)
    try:
        with pytest.raises(PortTaken, match=f"port {port} of s3 is taken.*state.json"):
            await Infrastructure(tmp_path, LocalSettings()).start()
    finally:
        stranger.close()
    assert _servers_below(tmp_path) == []


async def test_nothing_outlives_a_killed_supervisor_and_its_data_is_usable(tmp_path: Path) -> None:
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable,
        str(_FAKES / "supervise.py"),
        str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
    )
    assert supervisor.stdout is not None
    servers = [psutil.Process(int(await supervisor.stdout.readline())) for _ in range(3)]
    with pytest.raises(AlreadyRunning, match=f"process {supervisor.pid}, since"):
        await Infrastructure(tmp_path, LocalSettings()).start()

    supervisor.send_signal(signal.SIGKILL)
    await supervisor.wait()
    await asyncio.to_thread(psutil.wait_procs, servers, timeout=10)
    assert not any(_is_up(server) for server in servers)
    async with Infrastructure(tmp_path, LocalSettings()) as infra:
        psycopg.connect(infra.postgres_dsn).close()


async def test_children_that_a_killed_supervisor_left_are_ended_at_the_next_start(
    tmp_path: Path,
) -> None:
    async with Infrastructure(tmp_path, LocalSettings()):
        pass
    # As on a system whose kernel does not end children with their parent.
    orphan = await asyncio.create_subprocess_exec("/bin/sleep", "600")
    bystander = await asyncio.create_subprocess_exec("/bin/sleep", "600")
    rows = [
        {"name": "nats", "pid": orphan.pid, "created": psutil.Process(orphan.pid).create_time()},
        # Its process id went to somebody else since.
        {"name": "s3", "pid": bystander.pid, "created": 1.0},
    ]
    (tmp_path / "children.json").write_text(json.dumps(rows))
    async with Infrastructure(tmp_path, LocalSettings()):
        await orphan.wait()
        assert not psutil.pid_exists(orphan.pid)
        assert bystander.returncode is None
    bystander.kill()
    await bystander.wait()


def test_secrets_on_disk_are_for_their_owner_only(infra: Infrastructure) -> None:
    data = infra.data_dir.path
    for name in ("state.json", "children.json", "lock"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600
    for name in ("postgres", "nats", "s3", "logs"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o700


def test_every_server_listens_on_loopback_only(infra: Infrastructure) -> None:
    addresses = {
        connection.laddr.ip
        for server in infra.servers
        if server.process is not None
        for connection in psutil.Process(server.process.pid).net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


async def test_postgres_and_nats_ask_for_a_password(infra: Infrastructure) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(infra.postgres_dsn, password="wrong")
    client = NATS()
    url = f"nats://{infra.nats_url.partition('@')[2]}"
    with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
        await client.connect(url, allow_reconnect=False)
    await client.close()


def test_anyone_may_get_an_output_with_its_headers(infra: Infrastructure) -> None:
    s3 = infra.s3
    forever = "public, max-age=31536000, immutable"
    s3.client().put_object(
        s3.outputs_bucket,
        "a/b.avif",
        io.BytesIO(b"picture"),
        7,
        content_type="image/avif",
        metadata={"Cache-Control": forever},
    )
    url = f"{s3.public_url}/{s3.outputs_bucket}/a/b.avif"
    for method in ("GET", "HEAD"):
        answer = httpx.request(method, url, headers={"Origin": "https://blog.example"})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/avif"
        assert answer.headers["cache-control"] == forever
        assert answer.headers["access-control-allow-origin"] in ("*", "https://blog.example")
    part = httpx.get(url, headers={"Range": "bytes=0-2"})
    assert (part.status_code, part.content) == (206, b"pic")


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "{outputs}"),
        ("GET", "{outputs}?list-type=2"),
        ("GET", "{outputs}?versions"),
        ("GET", "{outputs}?uploads"),
        ("GET", "{outputs}?policy"),
        ("GET", "{outputs}?acl"),
        ("GET", "{outputs}/a.png?acl"),
        ("GET", "{outputs}/a.png?tagging"),
        ("PUT", "{outputs}/new.png"),
        ("PUT", "{outputs}/a.png?tagging"),
        ("POST", "{outputs}/a.png?uploads"),
        ("POST", "{outputs}?delete"),
        ("DELETE", "{outputs}/a.png"),
        ("DELETE", "{outputs}"),
        ("GET", "{originals}"),
        ("GET", "{originals}/a.png"),
        ("HEAD", "{originals}/a.png"),
        ("PUT", "{originals}/new.png"),
        ("PUT", "new-bucket"),
        ("GET", ""),
    ],
)
def test_everything_else_needs_a_key(infra: Infrastructure, method: str, target: str) -> None:
    s3 = infra.s3
    for bucket in (s3.originals_bucket, s3.outputs_bucket):
        s3.client().put_object(bucket, "a.png", io.BytesIO(b"picture"), 7)
    path = target.format(outputs=s3.outputs_bucket, originals=s3.originals_bucket)
    answer = httpx.request(
        method, f"{s3.endpoint}/{path}", content=b"" if method != "GET" else None
    )
    assert answer.status_code == 403
    assert s3.client().stat_object(s3.outputs_bucket, "a.png").size == 7


def test_the_stores_internal_servers_ask_for_a_token(infra: Infrastructure) -> None:
    s3 = infra.s3
    s3.client().put_object(s3.originals_bucket, "a.png", io.BytesIO(b"picture"), 7)
    ports = _ports(infra.data_dir.path)
    filer = f"http://127.0.0.1:{ports['s3.filer.port']}/buckets/{s3.originals_bucket}"
    assert httpx.get(f"{filer}/a.png").status_code == 401
    assert httpx.put(f"{filer}/a.png", content=b"x").status_code == 401
    volume = f"http://127.0.0.1:{ports['s3.volume.port']}"
    assert httpx.get(f"{volume}/1,01637037d6").status_code == 401


def _ports(data_dir: Path) -> dict[str, int]:
    state = json.loads((data_dir / "state.json").read_text())
    ports: dict[str, int] = state["ports"]
    return ports


def _listen(port: int) -> socket.socket:
    stranger = socket.socket()
    stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    stranger.bind(("127.0.0.1", port))
    stranger.listen()
    return stranger


def _is_up(process: psutil.Process) -> bool:
    # In a container, nobody may collect the dead.
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _servers_below(data_dir: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.Process(os.getpid()).children(recursive=True)
        if any(str(data_dir) in argument for argument in process.cmdline())
    ]
