"""The service as a process: it starts, serves, tells the bus, and stops when told to."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from picstore.auth.v1 import (
    api_key_pb2,
    api_key_pb2_grpc,
    authentication_pb2,
    authentication_pb2_grpc,
    bootstrap_pb2,
    bootstrap_pb2_grpc,
)
from picstore.events.v1.event_pb2 import Event
from picstore.options.v1.permission_pb2 import PERMISSION_TEAM_ADMIN
from picstore_auth.events import KEY_REVOKED
from picstore_kit.bus.connection import Bus
from picstore_kit.bus.topology import apply_topology
from picstore_kit.credentials import new_api_key
from picstore_kit.ids import KeyId, new_id
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import BearerCredentials
from picstore_kit.settings import NATSSettings
from picstore_local.infrastructure import Infrastructure


def environment(dsn: str, infra: Infrastructure, address: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PICSTORE_POSTGRES__DSN": dsn,
        "PICSTORE_NATS__URL": infra.nats_url,
        "PICSTORE_RPC__LISTEN": address,
        "PICSTORE_SEALING__KEYS": json.dumps({"k1": base64.b64encode(bytes(32)).decode()}),
        "PICSTORE_SEALING__CURRENT": "k1",
        "PICSTORE_SERVICE_SECRETS": json.dumps(
            {"operator": hashlib.sha256(b"the secret").hexdigest()}
        ),
        "PICSTORE_DRAIN_DELAY_S": "0",
    }


@asynccontextmanager
async def running(env: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "picstore_auth.main", env=env
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def revocation_of(bus: Bus, key_id: KeyId) -> Event:
    """Wait for the event that names the key, past those that other tests left in the outbox."""
    subscription = await bus.js.subscribe(KEY_REVOKED, ordered_consumer=True)
    while True:
        message = await subscription.next_msg(timeout=30)
        event = Event.FromString(message.data)
        if key_id in event.key_revoked.key_ids:
            return event


async def test_process_serves_tells_of_revoked_keys_and_stops_when_told_to(
    auth_dsn: str, infra: Infrastructure, tmp_path: Path
) -> None:
    address = f"unix:{tmp_path / 'auth.sock'}"
    api_key = new_api_key(new_id(KeyId))
    credential: str | None = None
    async with (
        Bus(NATSSettings(url=infra.nats_url), name="tests") as bus,
        running(environment(auth_dsn, infra, address)) as process,
        open_channel(address, credentials=BearerCredentials(lambda: credential)) as channel,
    ):
        await apply_topology(bus.js)

        credential = (
            await authentication_pb2_grpc.TokenServiceStub(channel).IssueServiceToken(
                authentication_pb2.IssueServiceTokenRequest(name="operator", secret="the secret"),
                wait_for_ready=True,
                timeout=30,
            )
        ).token
        team = await bootstrap_pb2_grpc.BootstrapServiceStub(channel).ApplyBootstrap(
            bootstrap_pb2.ApplyBootstrapRequest(
                team=bootstrap_pb2.BootstrapTeam(short_name="process"),
                roles=[
                    bootstrap_pb2.BootstrapRole(
                        short_name="admin",
                        grants=[bootstrap_pb2.BootstrapGrant(permission=PERMISSION_TEAM_ADMIN)],
                    )
                ],
                users=[bootstrap_pb2.BootstrapUser(email="ann@example.org", roles=["admin"])],
                api_keys=[
                    bootstrap_pb2.BootstrapApiKey(credential=api_key.text, user="ann@example.org")
                ],
            )
        )
        credential = api_key.text
        await api_key_pb2_grpc.ApiKeyServiceStub(channel).RevokeApiKey(
            api_key_pb2.RevokeApiKeyRequest(api_key_id=api_key.key_id)
        )
        event = await revocation_of(bus, api_key.key_id)
        assert event.team_id == team.team_id

        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def test_process_prints_its_settings_without_secrets(
    auth_dsn: str, infra: Infrastructure
) -> None:
    env = environment(auth_dsn, infra, "127.0.0.1:0")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "picstore_auth.main",
        "--print-settings",
        env=env,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    assert b"PICSTORE_SIGNING_KEY_DAYS=30" in printed
    assert hashlib.sha256(b"the secret").hexdigest().encode() not in printed
    assert auth_dsn.encode() not in printed
