"""Presigned requests: the store itself holds their senders to what was agreed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import urllib3

from picstore_kit.blobs.base import MAX_PRESIGN_S, PART_BYTES, BlobNotFound, PresignedRequest
from picstore_kit.blobs.s3 import S3BlobStore
from picstore_kit.blobs.s3_client import S3Config
from picstore_local.infrastructure import Infrastructure

TYPE = "image/png"
KEY = "dir/ä b+c.png"
BODY = b"0123456789" * 10
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
async def store(infra: Infrastructure, bucket: str) -> AsyncIterator[S3BlobStore]:
    store = S3BlobStore(
        S3Config(
            endpoint=infra.s3.endpoint,
            region=infra.s3.region,
            bucket=bucket,
            prefix="team/one",
            access_key=infra.s3.access_key,
            secret_key=infra.s3.secret_key,
        )
    )
    yield store
    await store.close()


async def send(request: PresignedRequest, body: bytes, *, without: str = "", **changed: str) -> int:
    """Send a PUT with headers changed, or with one left out, and return the status."""
    changes = {name.replace("_", "-"): value for name, value in changed.items()}
    headers = {**request.headers, **changes}
    headers.pop(without, None)
    answer = await asyncio.to_thread(
        urllib3.request, request.method, request.url, body=body, headers=headers, retries=False
    )
    return answer.status


async def post(request: PresignedRequest, body: bytes, **changed: str) -> int:
    """Send the form with fields changed or added, and return the status."""
    changes = {name.replace("_", "-"): value for name, value in changed.items()}
    form: dict[str, str | tuple[str, bytes, str]] = {**request.fields, **changes}
    form["file"] = ("name", body, TYPE)  # the last one: S3 ignores what follows
    encoded, content_type = urllib3.encode_multipart_formdata(form)
    answer = await asyncio.to_thread(
        urllib3.request,
        request.method,
        request.url,
        body=encoded,
        headers={**request.headers, "content-type": content_type},
        retries=False,
    )
    return answer.status


async def stored(store: S3BlobStore) -> list[str]:
    return [key async for key in store.list("")]


async def content(store: S3BlobStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.get_range(key)])


def is_refusal(status: int) -> bool:
    return 400 <= status < 500


async def expired(store: S3BlobStore, request: PresignedRequest) -> int:
    """Send a request again and again until it is too late for it, and return the status."""
    async with asyncio.timeout(20):
        while True:
            sent = post(request, BODY) if request.fields else send(request, BODY)
            if is_refusal(status := await sent):
                return status
            await store.delete(KEY)


async def test_a_put_stores_what_was_agreed(store: S3BlobStore) -> None:
    request = await store.presign_put(
        KEY, expires_s=60, content_type=TYPE, size=len(BODY), sha256=DIGEST
    )
    assert request.method == "PUT"
    assert await send(request, BODY) == 200
    stat = await store.stat(KEY)
    assert (stat.size, stat.content_type) == (len(BODY), TYPE)
    assert await content(store, KEY) == BODY


@pytest.mark.parametrize("size", [0, len(BODY) - 1, len(BODY) + 1])
async def test_a_put_of_another_length_is_refused(store: S3BlobStore, size: int) -> None:
    request = await store.presign_put(KEY, expires_s=60, content_type=TYPE, size=len(BODY))
    assert is_refusal(await send(request, bytes(size), content_length=str(size)))
    assert await stored(store) == []


async def test_a_put_of_unknown_length_is_refused(store: S3BlobStore) -> None:
    request = await store.presign_put(KEY, expires_s=60, content_type=TYPE, size=len(BODY))
    with urllib3.PoolManager() as pool:
        answer = await asyncio.to_thread(
            pool.urlopen,
            "PUT",
            request.url,
            body=iter([BODY]),
            headers={"content-type": TYPE},
            chunked=True,
            retries=False,
        )
    assert is_refusal(answer.status)
    assert await stored(store) == []


async def test_a_put_of_another_type_is_refused(store: S3BlobStore) -> None:
    request = await store.presign_put(KEY, expires_s=60, content_type=TYPE, size=len(BODY))
    assert is_refusal(await send(request, BODY, content_type="text/html"))
    assert await stored(store) == []


async def test_a_put_of_other_bytes_is_refused(store: S3BlobStore) -> None:
    request = await store.presign_put(
        KEY, expires_s=60, content_type=TYPE, size=len(BODY), sha256=DIGEST
    )
    assert is_refusal(await send(request, bytes(len(BODY))))
    assert await stored(store) == []


@pytest.mark.parametrize("header", ["content-type", "x-amz-checksum-sha256"])
async def test_a_put_without_a_header_that_was_agreed_is_refused(
    store: S3BlobStore, header: str
) -> None:
    request = await store.presign_put(
        KEY, expires_s=60, content_type=TYPE, size=len(BODY), sha256=DIGEST
    )
    assert is_refusal(await send(request, BODY, without=header))
    assert await stored(store) == []


async def test_a_put_to_another_key_is_refused(store: S3BlobStore) -> None:
    request = await store.presign_put("a", expires_s=60, content_type=TYPE, size=len(BODY))
    other = PresignedRequest(
        method="PUT", url=request.url.replace("/a?", "/b?"), headers=request.headers
    )
    assert other.url != request.url
    assert is_refusal(await send(other, BODY))
    assert await stored(store) == []


async def test_a_put_expires(store: S3BlobStore) -> None:
    request = await store.presign_put(KEY, expires_s=1, content_type=TYPE, size=len(BODY))
    assert await expired(store, request) == 403


async def test_a_form_stores_what_was_agreed(store: S3BlobStore) -> None:
    request = await store.presign_post(
        KEY, expires_s=60, content_type=TYPE, min_size=len(BODY), max_size=len(BODY)
    )
    assert request.method == "POST"
    assert request.headers == {}
    assert await post(request, BODY) == 204
    stat = await store.stat(KEY)
    assert (stat.size, stat.content_type) == (len(BODY), TYPE)
    assert await content(store, KEY) == BODY


@pytest.mark.parametrize("size", [0, 9, 101])
async def test_a_form_with_a_file_out_of_the_range_is_refused(
    store: S3BlobStore, size: int
) -> None:
    request = await store.presign_post(
        KEY, expires_s=60, content_type=TYPE, min_size=10, max_size=100
    )
    assert is_refusal(await post(request, bytes(size)))
    assert await stored(store) == []


@pytest.mark.parametrize("size", [10, 100])
async def test_a_form_takes_both_ends_of_the_range(store: S3BlobStore, size: int) -> None:
    request = await store.presign_post(
        KEY, expires_s=60, content_type=TYPE, min_size=10, max_size=100
    )
    assert await post(request, bytes(size)) == 204
    assert (await store.stat(KEY)).size == size


@pytest.mark.parametrize(
    "changed",
    [
        {"Content_Type": "text/html"},
        {"key": "team/one/other"},
        {"key": "other"},
        {"x_amz_meta_job": "job_1"},
        {"policy": "e30="},
    ],
    ids=["type", "key", "prefix", "more", "policy"],
)
async def test_a_form_that_was_changed_is_refused(
    infra: Infrastructure, bucket: str, store: S3BlobStore, changed: dict[str, str]
) -> None:
    request = await store.presign_post(
        KEY, expires_s=60, content_type=TYPE, min_size=10, max_size=100
    )
    assert is_refusal(await post(request, BODY, **changed))
    assert list(infra.s3.client().list_objects(bucket, recursive=True)) == []


async def test_a_form_expires(store: S3BlobStore) -> None:
    request = await store.presign_post(
        KEY, expires_s=1, content_type=TYPE, min_size=10, max_size=100
    )
    assert await expired(store, request) == 403


async def test_parts_can_be_sent_by_anybody(store: S3BlobStore, tmp_path: Path) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    whole = bytes(PART_BYTES) + BODY
    first = await store.presign_part(KEY, upload_id, 1, size=PART_BYTES, expires_s=60)
    second = await store.presign_part(KEY, upload_id, 2, size=len(BODY), expires_s=60)
    assert await send(first, whole[:PART_BYTES]) == 200
    assert await send(second, BODY) == 200
    parts = await store.list_parts(KEY, upload_id)
    assert [(part.number, part.size) for part in parts] == [(1, PART_BYTES), (2, len(BODY))]
    stat = await store.complete_multipart(KEY, upload_id, parts)
    assert (stat.size, stat.content_type) == (len(whole), TYPE)
    assert await content(store, KEY) == whole


async def test_a_part_of_another_length_number_or_upload_is_refused(store: S3BlobStore) -> None:
    upload_id, other_id = [await store.begin_multipart(KEY, content_type=TYPE) for _ in range(2)]
    request = await store.presign_part(KEY, upload_id, 1, size=len(BODY), expires_s=60)
    assert is_refusal(await send(request, BODY + b"x", content_length=str(len(BODY) + 1)))
    for url in (
        request.url.replace("partNumber=1&", "partNumber=2&"),
        request.url.replace(upload_id, other_id),
    ):
        assert url != request.url
        changed = PresignedRequest(method="PUT", url=url, headers=request.headers)
        assert is_refusal(await send(changed, BODY))
    assert await store.list_parts(KEY, upload_id) == []
    assert await store.list_parts(KEY, other_id) == []


async def test_a_part_of_an_upload_that_is_gone_is_refused(store: S3BlobStore) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    request = await store.presign_part(KEY, upload_id, 1, size=len(BODY), expires_s=60)
    await store.abort_multipart(KEY, upload_id)
    assert is_refusal(await send(request, BODY))
    with pytest.raises(BlobNotFound):
        await store.list_parts(KEY, upload_id)


@pytest.mark.parametrize("expires_s", [0, -1, MAX_PRESIGN_S + 1])
async def test_a_time_that_cannot_be_presigned_is_a_mistake(
    store: S3BlobStore, expires_s: int
) -> None:
    with pytest.raises(ValueError, match="seconds"):
        await store.presign_get(KEY, expires_s=expires_s)
    with pytest.raises(ValueError, match="seconds"):
        await store.presign_put(KEY, expires_s=expires_s, content_type=TYPE, size=1)
    with pytest.raises(ValueError, match="seconds"):
        await store.presign_post(
            KEY, expires_s=expires_s, content_type=TYPE, min_size=1, max_size=1
        )
    with pytest.raises(ValueError, match="seconds"):
        await store.presign_part(KEY, "x", 1, size=1, expires_s=expires_s)


async def test_sizes_that_no_object_has_are_a_mistake(store: S3BlobStore) -> None:
    with pytest.raises(ValueError, match="sizes"):
        await store.presign_put(KEY, expires_s=60, content_type=TYPE, size=-1)
    with pytest.raises(ValueError, match="sizes"):
        await store.presign_post(KEY, expires_s=60, content_type=TYPE, min_size=2, max_size=1)
    with pytest.raises(ValueError, match="sizes"):
        await store.presign_part(KEY, "x", 1, size=-1, expires_s=60)
