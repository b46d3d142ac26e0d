"""Where presigned requests go, and what they show of who signed them."""

from __future__ import annotations

import os
from urllib.parse import parse_qs, urlsplit

import pytest

from picstore_kit.blobs.ambient import AmbientCredentials
from picstore_kit.blobs.base import BlobStoreDenied
from picstore_kit.blobs.memory import MemoryBlobStore
from picstore_kit.blobs.s3 import S3BlobStore
from picstore_kit.blobs.s3_client import S3Config

KEY = "dir/ä b+c~(1).png"
TYPE = "image/png"


def config(**changed: object) -> S3Config:
    values: dict[str, object] = {
        "endpoint": "https://s3.example.org",
        "region": "eu-west-1",
        "bucket": "pictures",
        "access_key": "the-name",
        "secret_key": "the-secret",
    }
    return S3Config(**{**values, **changed})  # type: ignore[arg-type]  # names are checked at run time


@pytest.mark.parametrize(
    ("changed", "address"),
    [
        ({}, "https://s3.example.org/pictures"),
        ({"endpoint": "http://127.0.0.1:8333"}, "http://127.0.0.1:8333/pictures"),
        ({"endpoint": "https://s3.example.org:443"}, "https://s3.example.org/pictures"),
        ({"virtual_host_style": True}, "https://pictures.s3.example.org"),
        ({"endpoint": ""}, "https://pictures.s3.eu-west-1.amazonaws.com"),
        ({"endpoint": "", "bucket": "a.b"}, "https://s3.eu-west-1.amazonaws.com/a.b"),
    ],
    ids=["path", "port", "default-port", "virtual-host", "amazon", "dotted"],
)
async def test_requests_go_where_those_of_the_client_go(
    changed: dict[str, object], address: str
) -> None:
    store = S3BlobStore(config(**changed))
    place = f"{address}/dir/%C3%A4%20b%2Bc~%281%29.png"
    assert (await store.presign_get(KEY, expires_s=60)).split("?")[0] == place
    put = await store.presign_put(KEY, expires_s=60, content_type=TYPE, size=1)
    assert put.url.split("?")[0] == place
    part = await store.presign_part(KEY, "u/p+1=", 3, size=1, expires_s=60)
    assert part.url.split("?")[0] == place
    asked = parse_qs(urlsplit(part.url).query)
    assert (asked["uploadId"], asked["partNumber"]) == (["u/p+1="], ["3"])
    form = await store.presign_post(KEY, expires_s=60, content_type=TYPE, min_size=1, max_size=2)
    assert form.url.rstrip("/") == address
    await store.close()


async def test_what_was_agreed_is_signed() -> None:
    store = S3BlobStore(config())
    put = await store.presign_put(
        KEY, expires_s=60, content_type=TYPE, size=7, sha256="00" * 31 + "ff"
    )
    assert put.headers == {
        "content-length": "7",
        "content-type": TYPE,
        "x-amz-checksum-sha256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP8=",
    }
    assert parse_qs(urlsplit(put.url).query)["X-Amz-SignedHeaders"] == [
        "content-length;content-type;host;x-amz-checksum-sha256"
    ]
    part = await store.presign_part(KEY, "upload", 3, size=7, expires_s=60)
    assert part.headers == {"content-length": "7"}
    assert parse_qs(urlsplit(part.url).query)["X-Amz-SignedHeaders"] == ["content-length;host"]
    await store.close()


@pytest.mark.parametrize("ambient", [False, True])
async def test_a_session_token_goes_with_the_request(
    ambient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-name")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "to/ken+=")
    none = {"access_key": None, "secret_key": None, "ambient": AmbientCredentials(os.environ)}
    store = S3BlobStore(config(**(none if ambient else {"session_token": "to/ken+="})))
    put = await store.presign_put(KEY, expires_s=60, content_type=TYPE, size=1)
    assert parse_qs(urlsplit(put.url).query)["X-Amz-Security-Token"] == ["to/ken+="]
    form = await store.presign_post(KEY, expires_s=60, content_type=TYPE, min_size=1, max_size=2)
    assert form.fields["x-amz-security-token"] == "to/ken+="
    await store.close()


async def test_without_credentials_nothing_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    ambient = AmbientCredentials({"AWS_EC2_METADATA_DISABLED": "true"})
    store = S3BlobStore(config(access_key=None, secret_key=None, ambient=ambient))
    with pytest.raises(BlobStoreDenied, match="NoCredentialsFound"):
        await store.presign_put(KEY, expires_s=60, content_type=TYPE, size=1)
    with pytest.raises(BlobStoreDenied, match="NoCredentialsFound"):
        await store.presign_post(KEY, expires_s=60, content_type=TYPE, min_size=1, max_size=2)
    await store.close()


async def test_a_request_is_not_shown_with_its_signature() -> None:
    store = S3BlobStore(config())
    put = await store.presign_put(KEY, expires_s=60, content_type=TYPE, size=1)
    form = await store.presign_post(KEY, expires_s=60, content_type=TYPE, min_size=1, max_size=2)
    assert "X-Amz-Signature" in put.url
    assert "Signature" not in repr(put)
    assert form.fields["x-amz-signature"] not in repr(form)
    await store.close()


async def test_the_double_asks_for_the_same_headers() -> None:
    store, double = S3BlobStore(config()), MemoryBlobStore()
    digest = "ab" * 32
    one = await store.presign_put(KEY, expires_s=60, content_type=TYPE, size=7, sha256=digest)
    two = await double.presign_put(KEY, expires_s=60, content_type=TYPE, size=7, sha256=digest)
    assert (one.method, one.headers) == (two.method, two.headers)
    one = await store.presign_part(KEY, "upload", 3, size=7, expires_s=60)
    two = await double.presign_part(KEY, "upload", 3, size=7, expires_s=60)
    assert (one.method, one.headers) == (two.method, two.headers)
    await store.close()
