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


def megabytes(path: Path, count: int) -> Path:
    with path.open("wb") as file:
        for _ in range(count):
            file.write(b"\x5a" * 2**20)
    return path


def peak_mib() -> int:
    """Largest resident size of this process since the last call."""
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) // 1024
    Path("/proc/self/clear_refs").write_text("5")
    return peak


async def put_parts(store: S3BlobStore, key: str, path: Path, *, size: int) -> None:
    """Put a file part by part, as an upload does."""
    upload_id = await store.begin_multipart(key, content_type=TYPE)
    parts = [
        await store.put_part(
            key, upload_id, number + 1, path, offset=number * PART_BYTES, length=PART_BYTES
        )
        for number in range(size // PART_BYTES)
    ]
    await store.complete_multipart(key, upload_id, parts)


@pytest.mark.parametrize("in_parts", [False, True], ids=["put_file", "put_part"])
async def test_memory_stays_flat_while_a_long_file_is_stored(
    store: S3BlobStore, tmp_path: Path, in_parts: bool
) -> None:
    async def put(key: str, count: int) -> None:
        path = megabytes(tmp_path / key, count)
        if in_parts:
            await put_parts(store, key, path, size=count * 2**20)
        else:
            await store.put_file(key, path, content_type=TYPE)

    await put("warm", 10)
    peak_mib()
    await store.stat("warm")
    before = peak_mib()
    await put("long", 200)
    assert (await store.stat("long")).size == 200 * 2**20
    assert peak_mib() - before <= 32


async def test_a_part_whose_sender_goes_away_is_in_the_object_or_can_be_put_again(
    infra: Infrastructure, bucket: str, store: S3BlobStore, tmp_path: Path
) -> None:
    path = megabytes(tmp_path / "file", 2 * PART_BYTES // 2**20)
    upload_id = await store.begin_multipart("a", content_type=TYPE)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(
            store.put_part("a", upload_id, 1, path, offset=0, length=PART_BYTES)
        )
        await asyncio.sleep(0)  # it has begun
        task.cancel()
    parts = [
        await store.put_part(
            "a", upload_id, number, path, offset=(number - 1) * PART_BYTES, length=PART_BYTES
        )
        for number in (1, 2)
    ]
    assert (await store.complete_multipart("a", upload_id, parts)).size == 2 * PART_BYTES
    assert unfinished_uploads(infra, bucket) == []


async def test_a_presigned_url_reads_for_anybody(store: S3BlobStore) -> None:
    await store.put_bytes("dir/ä b.png", b"data", content_type=TYPE)
    url = await store.presign_get("dir/ä b.png", expires_s=60)
    answer = await asyncio.to_thread(urllib3.request, "GET", url)
    assert (answer.status, answer.data) == (200, b"data")
    assert answer.headers["content-type"] == TYPE
    assert answer.headers["content-disposition"] == "attachment"


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
        await store.put_bytes("a", b"x", content_type=TYPE)


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
