"""Parts in an S3 that does not answer as it should, and what is left of them in one that does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from picstore_kit.blobs.base import (
    PART_BYTES,
    BlobDigestMismatch,
    BlobNotFound,
    BlobStoreDenied,
    BlobStoreUnavailable,
    Part,
)
from picstore_kit.blobs.s3 import S3BlobStore
from picstore_kit.blobs.s3_client import S3Config
from picstore_local.infrastructure import Infrastructure

TYPE = "image/tiff"
PART = Part(number=1, etag="abc", size=3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "spooled"
    path.write_bytes(bytes(2 * PART_BYTES))
    return path


@asynccontextmanager
async def answering(
    answer: Callable[[str], tuple[int, str]], read_timeout_s: float = 20.0
) -> AsyncIterator[tuple[S3BlobStore, list[str]]]:
    """Open a store at a server that answers so to the first line of a request; list those lines."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, _, rest = (await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")
        for header in rest.lower().split("\r\n"):
            if header.startswith("content-length:"):
                await reader.readexactly(int(header.partition(":")[2]))
        asked.append(line)
        status, body = answer(line)
        if status:
            writer.write(
                f'HTTP/1.1 {status} X\r\nContent-Type: application/xml\r\nETag: "abc"\r\n'
                f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            await writer.drain()
        else:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    store = S3BlobStore(
        S3Config(
            endpoint=f"http://127.0.0.1:{port}",
            bucket="bucket",
            access_key="name",
            secret_key="secret",
            read_timeout_s=read_timeout_s,
        )
    )
    try:
        yield store, asked
    finally:
        await store.close()
        server.close()


def error(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>"


def page(*parts: tuple[int, str, str], truncated: bool = False) -> str:
    listed = "".join(
        f"<Part><PartNumber>{number}</PartNumber><LastModified>{when}</LastModified>"
        f"<ETag>&quot;{etag}&quot;</ETag><Size>3</Size></Part>"
        for number, etag, when in parts
    )
    return (
        '<ListPartsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>{str(truncated).lower()}</IsTruncated>{listed}</ListPartsResult>"
    )


OLD, NEW = "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:01.000Z"


async def test_an_aborted_upload_leaves_nothing_in_the_bucket(
    infra: Infrastructure, bucket: str, file: Path
) -> None:
    store = S3BlobStore(
        S3Config(
            endpoint=infra.s3.endpoint,
            bucket=bucket,
            access_key=infra.s3.access_key,
            secret_key=infra.s3.secret_key,
        )
    )
    client = infra.s3.client()
    upload_id = await store.begin_multipart("a", content_type=TYPE)
    for number in (1, 2):
        await store.put_part("a", upload_id, number, file, offset=0, length=PART_BYTES)
    assert len(client._list_multipart_uploads(bucket).uploads) == 1
    await store.abort_multipart("a", upload_id)
    assert client._list_multipart_uploads(bucket).uploads == []
    assert list(client.list_objects(bucket, recursive=True)) == []
    await store.close()


async def test_a_list_of_parts_goes_over_pages_and_has_the_last_one_of_each() -> None:
    first = page((1, "b", NEW), (1, "a", OLD), (2, "c", OLD), truncated=True)
    second = page((3, "d", OLD), (3, "e", NEW), (9000, "f", OLD))

    def answer(line: str) -> tuple[int, str]:
        return 200, second if "part-number-marker=2" in line else first

    async with answering(answer) as (store, asked):
        parts = await store.list_parts("a", "upload")
    assert [(part.number, part.etag) for part in parts] == [
        (1, "b"),
        (2, "c"),
        (3, "e"),
        (9000, "f"),
    ]
    assert len(asked) == 2


@pytest.mark.parametrize(
    "answered", [page(truncated=True), page((1, "a", OLD), truncated=True), "no XML"]
)
async def test_a_list_of_parts_that_has_no_end_is_given_up(answered: str) -> None:
    async with answering(lambda _: (200, answered)) as (store, asked):
        with pytest.raises(BlobStoreUnavailable):
            await store.list_parts("a", "upload")
    assert len(asked) <= 2


async def test_an_error_after_the_answer_has_begun_is_no_success() -> None:
    async with answering(lambda _: (200, error("InternalError"))) as (store, asked):
        with pytest.raises(BlobStoreUnavailable):
            await store.complete_multipart("a", "upload", [PART])
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("status", "code", "raised"),
    [
        (404, "NoSuchUpload", BlobNotFound),
        (400, "InvalidPart", BlobDigestMismatch),
        (403, "AccessDenied", BlobStoreDenied),
        (404, "NoSuchBucket", BlobStoreDenied),
        (500, "InternalError", BlobStoreUnavailable),
        (503, "SlowDown", BlobStoreUnavailable),
    ],
)
async def test_a_refusal_is_told_by_what_it_means(
    file: Path, status: int, code: str, raised: type[Exception]
) -> None:
    async with answering(lambda _: (status, error(code))) as (store, _):
        with pytest.raises(raised):
            await store.complete_multipart("a", "upload", [PART])
        with pytest.raises(raised):
            await store.put_part("a", "upload", 1, file, offset=0, length=3)
        with pytest.raises(raised):
            await store.list_parts("a", "upload")
        if code != "NoSuchUpload":
            with pytest.raises(raised):
                await store.abort_multipart("a", "upload")


async def test_a_store_that_fails_is_asked_again_for_a_part_only(file: Path) -> None:
    async with answering(lambda _: (503, "")) as (store, asked):
        with pytest.raises(BlobStoreUnavailable):
            await store.put_part("a", "upload", 1, file, offset=0, length=3)
        assert len(asked) == 4
        asked.clear()
        with pytest.raises(BlobStoreUnavailable):
            await store.begin_multipart("a", content_type=TYPE)
        with pytest.raises(BlobStoreUnavailable):
            await store.complete_multipart("a", "upload", [PART])
        assert [line.split()[0] for line in asked] == ["POST", "POST"]


async def test_a_part_gets_through_when_the_store_recovers(file: Path) -> None:
    answers = iter([(500, ""), (503, ""), (200, "")])
    async with answering(lambda _: next(answers)) as (store, asked):
        part = await store.put_part("a", "upload", 1, file, offset=0, length=PART_BYTES)
    assert part == Part(number=1, etag="abc", size=PART_BYTES)
    assert len(asked) == 3


async def test_a_store_that_accepts_a_part_and_hangs_is_unavailable(file: Path) -> None:
    async with answering(lambda _: (0, ""), read_timeout_s=0.1) as (store, asked):
        with pytest.raises(BlobStoreUnavailable):
            await store.put_part("a", "upload", 1, file, offset=0, length=3)
        assert len(asked) == 2
        with pytest.raises(BlobStoreUnavailable):
            await store.complete_multipart("a", "upload", [PART])
        assert len(asked) == 3  # nobody knows whether it was done: once is enough


async def test_an_object_of_another_size_than_its_parts_is_no_success() -> None:
    done = (
        '<CompleteMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        "<ETag>abc-1</ETag></CompleteMultipartUploadResult>"
    )
    async with answering(lambda _: (200, done)) as (store, asked):
        with pytest.raises(BlobStoreUnavailable):
            await store.complete_multipart("a", "upload", [PART])
    assert [line.split()[0] for line in asked] == ["POST", "HEAD"]
