"""What only S3 can do, or do wrong."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import urllib3

from picstore_kit.blobs.ambient import AmbientCredentials
from picstore_kit.blobs.base import (
    PART_BYTES,
    BlobNotFound,
    BlobStoreDenied,
    BlobStoreUnavailable,
)
from picstore_kit.blobs.s3 import S3BlobStore
from picstore_kit.blobs.s3_client import S3Config
from picstore_local.infrastructure import Infrastructure

TYPE = "image/png"


def config(infra: Infrastructure, bucket: str, **changed: object) -> S3Config:
    values: dict[str, object] = {
        "endpoint": infra.s3.endpoint,
        "region": infra.s3.region,
        "bucket": bucket,
        "access_key": infra.s3.access_key,
        "secret_key": infra.s3.secret_key,
    }
    return S3Config(**{**values, **changed})  # type: ignore[arg-type]  # names are checked at run time


def ambient_config(infra: Infrastructure, bucket: str) -> S3Config:
    ambient = AmbientCredentials(os.environ)
    return config(infra, bucket, access_key=None, secret_key=None, ambient=ambient)


@pytest.fixture
async def store(infra: Infrastructure, bucket: str) -> AsyncIterator[S3BlobStore]:
    store = S3BlobStore(config(infra, bucket))
    yield store
    await store.close()


def unfinished_uploads(infra: Infrastructure, bucket: str) -> list[object]:
    return list(infra.s3.client()._list_multipart_uploads(bucket).uploads)


async def megabytes(count: int) -> AsyncIterator[bytes]:
    piece = b"\x5a" * 65536
    for _ in range(count * 16):
        yield piece


async def test_an_aborted_stream_leaves_neither_object_nor_parts(
    infra: Infrastructure, bucket: str, store: S3BlobStore
) -> None:
    parts_seen: list[int] = []

    async def breaking() -> AsyncIterator[bytes]:
        async for chunk in megabytes(3 * PART_BYTES // 2**20):
            yield chunk
        uploads = await asyncio.to_thread(unfinished_uploads, infra, bucket)
        parts_seen.append(len(uploads))
        raise LookupError

    with pytest.raises(LookupError):
        await store.put_stream("a", breaking(), content_type=TYPE)
    assert parts_seen == [1]  # it had begun
    assert unfinished_uploads(infra, bucket) == []
    assert [key async for key in store.list("")] == []


async def test_a_cancelled_stream_leaves_neither_object_nor_parts(
    infra: Infrastructure, bucket: str, store: S3BlobStore
) -> None:
    stalled = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        async for chunk in megabytes(3 * PART_BYTES // 2**20):
            yield chunk
        stalled.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(store.put_stream("a", stalling(), content_type=TYPE))
        await stalled.wait()
        task.cancel()
    assert unfinished_uploads(infra, bucket) == []
    assert [key async for key in store.list("")] == []


def peak_mib() -> int:
    """Largest resident size of this process since the last call."""
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) // 1024
    Path("/proc/self/clear_refs").write_text("5")
    return peak


async def test_memory_stays_flat_while_a_long_stream_is_stored(store: S3BlobStore) -> None:
    await store.put_stream("warm", megabytes(12), content_type=TYPE)
    peak_mib()
    await store.stat("warm")
    before = peak_mib()
    stat = await store.put_stream("long", megabytes(200), content_type=TYPE)
    assert stat.size == 200 * 2**20
    assert peak_mib() - before <= 32


async def test_stalled_streams_do_not_keep_others_from_short_calls(store: S3BlobStore) -> None:
    released = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield b"x"
        await released.wait()

    async with asyncio.TaskGroup() as tasks:
        for number in range(40):
            tasks.create_task(store.put_stream(f"slow/{number}", stalling(), content_type=TYPE))
        await store.put_bytes("quick", b"x", content_type=TYPE)
        assert (await store.stat("quick")).size == 1
        released.set()
    assert len([key async for key in store.list("slow/")]) == 40


async def test_a_presigned_url_reads_for_anybody(store: S3BlobStore) -> None:
    await store.put_bytes("dir/ä b.png", b"data", content_type=TYPE)
    url = await store.presign_get("dir/ä b.png", expires_s=60)
    answer = await asyncio.to_thread(urllib3.request, "GET", url)
    assert (answer.status, answer.data) == (200, b"data")


async def test_a_prefix_keeps_two_stores_in_one_bucket_apart(
    infra: Infrastructure, bucket: str
) -> None:
    one = S3BlobStore(config(infra, bucket, prefix="/one/"))
    two = S3BlobStore(config(infra, bucket, prefix="two"))
    whole = S3BlobStore(config(infra, bucket))
    await one.put_bytes("a", b"1", content_type=TYPE)
    await two.put_bytes("a", b"2", content_type=TYPE)
    await one.delete("b")
    assert [key async for key in one.list("")] == ["a"]
    assert sorted([key async for key in whole.list("")]) == ["one/a", "two/a"]
    with pytest.raises(BlobNotFound):
        await one.copy("two/a", "b")


async def test_a_list_longer_than_a_page_is_whole(store: S3BlobStore) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number in range(1100):
            tasks.create_task(store.put_bytes(f"n/{number:04}", b"", content_type=TYPE))
    assert sorted([key async for key in store.list("n/")]) == [
        f"n/{number:04}" for number in range(1100)
    ]


async def test_a_big_file_goes_up_in_parts(store: S3BlobStore, tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(b"0123456789" * 1_500_000)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    stat = await store.put_file("big", path, content_type=TYPE, sha256=digest)
    assert stat.size == 15_000_000
    assert stat.metadata["sha256"] == digest
    assert stat.etag.endswith("-3")
    await store.get_to_file("big", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "changed", [{"secret_key": "wrong"}, {"access_key": "nobody"}], ids=["secret", "name"]
)
async def test_wrong_credentials_are_denied_and_not_shown(
    infra: Infrastructure, bucket: str, changed: dict[str, str]
) -> None:
    given = config(infra, bucket, **changed)
    store = S3BlobStore(given)
    with pytest.raises(BlobStoreDenied) as caught:
        await store.put_bytes("a", b"x", content_type=TYPE)
    assert infra.s3.secret_key not in f"{caught.value} {caught.value.metadata} {given}"
    with pytest.raises(BlobStoreDenied):
        await store.stat("a")


@pytest.mark.parametrize(
    "changed",
    [
        {"endpoint": "ftp://127.0.0.1"},
        {"endpoint": "http://"},
        {"bucket": ""},
        {"bucket": "a/../b"},
        {"secret_key": None},
    ],
)
def test_an_impossible_configuration_is_denied(changed: dict[str, str | None]) -> None:
    values = {"bucket": "bucket", "access_key": "a", "secret_key": "b", **changed}
    with pytest.raises(BlobStoreDenied, match="InvalidConfiguration"):
        S3BlobStore(S3Config(**values))  # type: ignore[arg-type]  # None stands for what is missing


async def test_a_missing_bucket_is_denied(infra: Infrastructure) -> None:
    store = S3BlobStore(config(infra, "no-such-bucket"))
    with pytest.raises(BlobStoreDenied, match="NoSuchBucket"):
        await store.put_bytes("a", b"x", content_type=TYPE)


async def test_no_credentials_anywhere_is_denied(
    infra: Infrastructure, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/")
    store = S3BlobStore(ambient_config(infra, bucket))
    with pytest.raises(BlobStoreDenied, match="NoCredentialsFound"):
        await store.stat("a")


async def test_credentials_are_taken_from_the_environment(
    infra: Infrastructure, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", infra.s3.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", infra.s3.secret_key)
    store = S3BlobStore(ambient_config(infra, bucket))
    assert (await store.put_bytes("a", b"x", content_type=TYPE)).size == 1


async def test_a_store_that_refuses_connections_is_unavailable(
    infra: Infrastructure, bucket: str
) -> None:
    store = S3BlobStore(config(infra, bucket, endpoint="http://127.0.0.1:9"))
    with pytest.raises(BlobStoreUnavailable):
        await store.stat("a")
    with pytest.raises(BlobStoreUnavailable):
        await store.put_stream("a", megabytes(1), content_type=TYPE)


async def test_a_store_that_accepts_and_hangs_is_unavailable(
    infra: Infrastructure, bucket: str
) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    store = S3BlobStore(
        config(infra, bucket, endpoint=f"http://127.0.0.1:{port}", read_timeout_s=0.1)
    )
    with pytest.raises(BlobStoreUnavailable):
        await store.stat("a")
    server.close()


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_store_that_is_too_busy_is_unavailable(
    infra: Infrastructure, bucket: str, status: int
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    store = S3BlobStore(config(infra, bucket, endpoint=f"http://127.0.0.1:{port}"))
    with pytest.raises(BlobStoreUnavailable):
        await store.stat("a")
    with pytest.raises(BlobStoreUnavailable):
        await store.get_to_file("a", Path("/nowhere"))
    server.close()


async def test_a_redirect_is_not_followed(infra: Infrastructure, bucket: str) -> None:
    asked: list[bytes] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 307 Elsewhere\r\nLocation: /secret\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(redirect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    store = S3BlobStore(config(infra, bucket, endpoint=f"http://127.0.0.1:{port}"))
    with pytest.raises(BlobStoreDenied):
        await store.stat("a")
    assert all(b"/secret" not in line for line in asked)
    server.close()
