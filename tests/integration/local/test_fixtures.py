"""The fixtures that other tests stand on."""

from __future__ import annotations

import io
import socket

import psycopg
import pytest

from picstore_local.infrastructure import Infrastructure


def test_a_fresh_database_is_empty_and_durable(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()
        durable = connection.execute("SHOW synchronous_commit").fetchone()
    assert tables == (0,)
    assert durable == ("on",)


def test_a_fresh_bucket_takes_an_object(infra: Infrastructure, bucket: str) -> None:
    client = infra.s3.client()
    client.put_object(bucket, "a", io.BytesIO(b"x"), 1)
    assert [entry.object_name for entry in client.list_objects(bucket)] == ["a"]


def test_connections_to_other_machines_are_refused() -> None:
    with socket.socket() as outgoing, pytest.raises(AssertionError, match="not this machine"):
        outgoing.connect(("192.0.2.1", 80))
