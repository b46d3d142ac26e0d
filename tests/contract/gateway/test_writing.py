"""Bytes of resumable uploads over HTTP, and the typed parameters of all that carries bytes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator

import httpx
import pytest

from picstore.catalog.v1.image_pb2 import ON_DUPLICATE_CREATE, ON_DUPLICATE_REFUSE, Image
from picstore.upload.v1.upload_pb2 import Upload, WriteUploadRequest
from picstore_gateway import streams
from picstore_kit.errors import PermissionDenied
from tests.contract.gateway.backend import Backend

QUICK = "/api/v1/projects/prj_1/quick_upload"
WRITE = "/api/v1/uploads/upl_1"
BYTES = os.urandom(300_000)
KEY = "0190a1b2-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def uploaded(backend: Backend) -> None:
    backend.answer("QuickUpload", Image(id="img_1", state=Image.STATE_CONVERTING))
    backend.answer("UploadImage", Image(id="img_1", state=Image.STATE_CONVERTING))
    backend.answer("WriteUpload", Upload(id="upl_1", persisted_size=300_007))


async def test_bytes_are_written_from_where_it_is_said(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    params = {"write_offset": "7", "finish_when_whole": "true", "size_bytes": "300007"}
    response = await http.patch(WRITE, params=params, content=BYTES)
    assert response.status_code == 200
    assert response.json()["persisted_size"] == "300007"
    call = backend.calls["WriteUpload"]
    header = call.requests[0].header
    assert (header.upload_id, header.write_offset, header.size_bytes) == ("upl_1", 7, 300_007)
    assert header.finish_when_whole
    assert [m.chunk.offset for m in call.requests[1:]] == [7, 262_151]
    assert call.file == BYTES


async def test_nothing_more_is_said_than_was(http: httpx.AsyncClient, backend: Backend) -> None:
    await http.patch(WRITE, content=b"abc", headers={"content-type": "image/png"})
    header = backend.calls["WriteUpload"].requests[0].header
    assert [field.name for field, _ in header.ListFields()] == ["upload_id"]
    assert backend.calls["WriteUpload"].requests[-1].WhichOneof("message") == "chunk"


async def test_the_file_may_be_finished_with_its_digest(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    sha256 = hashlib.sha256(BYTES).hexdigest()
    await http.patch(WRITE, params={"finish": "1", "sha256": sha256}, content=BYTES)
    assert backend.calls["WriteUpload"].requests[-1].finish.sha256 == sha256
    await http.patch(WRITE, params={"finish": "false"}, content=BYTES)
    assert backend.calls["WriteUpload"].requests[-1].WhichOneof("message") == "chunk"


async def test_an_empty_body_only_finishes(http: httpx.AsyncClient, backend: Backend) -> None:
    await http.patch(WRITE, params={"finish": "true"})
    kinds = [message.WhichOneof("message") for message in backend.calls["WriteUpload"].requests]
    assert kinds == ["header", "finish"]


async def test_the_digest_of_the_body_is_that_of_the_call(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    digest = base64.b64encode(hashlib.sha256(BYTES).digest()).decode()
    await http.patch(WRITE, content=BYTES, headers={"content-digest": f"sha-256=:{digest}:"})
    assert backend.calls["WriteUpload"].requests[0].header.checksum == f"sha256 {digest}"
    await http.patch(WRITE, content=BYTES, params={"checksum": "crc32 AAAAAA=="})
    assert backend.calls["WriteUpload"].requests[0].header.checksum == "crc32 AAAAAA=="


@pytest.mark.parametrize(
    ("params", "headers", "field", "description"),
    [
        ({"write_offset": "x"}, {}, "write_offset", "must be a whole number of 64 bits"),
        ({"write_offset": "9" * 20}, {}, "write_offset", "must be a whole number of 64 bits"),
        ({"finish_when_whole": "yes"}, {}, "finish_when_whole", "must be true or false"),
        ({"finish": "yes"}, {}, "finish", "must be true or false"),
        ({"upload_id": "upl_2"}, {}, "upload_id", "is not a parameter"),
        ({"wait": "1s"}, {}, "wait", "is not a parameter"),
        ({"sha256": "ab"}, {}, "sha256", "must come with `finish`: it is the whole file's"),
        (
            {"checksum": "md5 x"},
            {"content-digest": f"sha-256=:{base64.b64encode(bytes(32)).decode()}:"},
            "content-digest",
            "must not come with a `checksum`",
        ),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    http: httpx.AsyncClient,
    backend: Backend,
    params: dict[str, str],
    headers: dict[str, str],
    field: str,
    description: str,
) -> None:
    response = await http.patch(WRITE, params=params, headers=headers, content=b"abc")
    assert response.status_code == 400
    assert response.json()["reason"] == "FIELD_INVALID"
    assert response.json()["violations"] == [{"field": field, "description": description}]
    assert not backend.calls


async def test_a_form_is_no_part_of_a_file(http: httpx.AsyncClient, backend: Backend) -> None:
    response = await http.patch(WRITE, files={"file": ("a.png", b"abc")})
    assert response.status_code == 415
    assert not backend.calls


async def test_what_came_of_a_client_that_breaks_off_is_kept_but_not_finished(
    address: str, backend: Backend
) -> None:
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    path = f"{WRITE}?finish=true"
    writer.write(f"PATCH {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabcd".encode())
    await writer.drain()
    await backend.called.wait()
    writer.close()
    await writer.wait_closed()
    call = backend.calls["WriteUpload"]
    await call.ended.wait()
    assert call.in_order
    assert call.file == b"abcd"
    assert not call.requests[-1].HasField("finish")


async def test_bytes_that_trickle_are_not_held_until_they_are_many(
    http: httpx.AsyncClient, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HELD_S", 0)
    passed_on = asyncio.Event()

    def decide(message: object) -> None:
        if isinstance(message, WriteUploadRequest) and message.chunk.data == b"abc":
            passed_on.set()

    backend.decide("WriteUpload", decide)

    async def trickle() -> AsyncIterator[bytes]:
        yield b"abc"
        await passed_on.wait()
        yield b"def"

    assert (await http.patch(WRITE, content=trickle())).status_code == 200
    assert backend.calls["WriteUpload"].file == b"abcdef"


async def test_an_upload_says_where_it_is(http: httpx.AsyncClient, backend: Backend) -> None:
    backend.answer("CreateUpload", Upload(id="upl_1"))
    response = await http.post("/api/v1/projects/prj_1/uploads", json={"filename": "a.png"})
    assert response.status_code == 201
    assert response.headers["location"] == WRITE


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("create", ON_DUPLICATE_CREATE),
        ("refuse", ON_DUPLICATE_REFUSE),
        ("ON_DUPLICATE_REFUSE", ON_DUPLICATE_REFUSE),
    ],
)
@pytest.mark.parametrize("path", [QUICK, "/api/v1/images/img_1/upload"])
async def test_what_to_do_with_a_duplicate_is_named(
    http: httpx.AsyncClient, backend: Backend, path: str, text: str, value: int
) -> None:
    assert (await http.post(path, params={"on_duplicate": text}, content=b"a")).is_success
    (call,) = backend.calls.values()
    assert call.requests[0].header.on_duplicate == value


async def test_a_form_may_name_it_too(http: httpx.AsyncClient, backend: Backend) -> None:
    file = {"file": ("a.png", b"abc")}
    await http.post(QUICK, data={"on_duplicate": "create"}, files=file)
    assert backend.calls["QuickUpload"].requests[0].header.on_duplicate == ON_DUPLICATE_CREATE
    response = await http.post(QUICK, data={"on_duplicate": "x"}, files=file)
    assert response.json()["violations"][0]["field"] == "on_duplicate"


@pytest.mark.parametrize("text", ["", "Create", "keep", "ON_DUPLICATE_", "unspecified!"])
async def test_a_choice_that_is_none_is_refused(
    http: httpx.AsyncClient, backend: Backend, text: str
) -> None:
    response = await http.post(QUICK, params={"on_duplicate": text}, content=b"a")
    assert response.json()["violations"] == [
        {"field": "on_duplicate", "description": "must be one of return_existing, create, refuse"}
    ]
    assert not backend.calls


async def test_a_key_makes_an_upload_repeatable(http: httpx.AsyncClient, backend: Backend) -> None:
    await http.post(QUICK, content=b"a", headers={"idempotency-key": KEY})
    assert backend.calls["QuickUpload"].requests[0].header.request_id == KEY
    await http.post(f"{QUICK}?request_id=mine", content=b"a", headers={"idempotency-key": KEY})
    assert backend.calls["QuickUpload"].requests[0].header.request_id == "mine"


async def test_the_picture_can_be_waited_for(http: httpx.AsyncClient, backend: Backend) -> None:
    backend.answer("GetImage", Image(id="img_1", state=Image.STATE_READY, etag="e"))
    response = await http.post(QUICK, params={"wait": "2.5s"}, content=b"a")
    assert response.status_code == 201
    assert response.headers["location"] == "/api/v1/images/img_1"
    assert response.json()["state"] == "STATE_READY"
    request = backend.calls["GetImage"].request
    assert (request.image_id, request.wait.ToMilliseconds()) == ("img_1", 2500)


async def test_an_announced_picture_can_be_waited_for(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    backend.answer("GetImage", Image(id="img_1", state=Image.STATE_READY))
    response = await http.post("/api/v1/images/img_1/upload?wait=60s", content=b"a")
    assert (response.status_code, response.json()["state"]) == (200, "STATE_READY")


async def test_what_was_uploaded_is_told_even_if_it_cannot_be_waited_for(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    backend.answer("GetImage", PermissionDenied.missing("image:read"))
    response = await http.post(f"{QUICK}?wait=1s", content=b"a")
    assert (response.status_code, response.json()["state"]) == (201, "STATE_CONVERTING")


@pytest.mark.parametrize("text", ["", "1", "-1s", "61s", "1m", "s", "1e9s", "99999999999999s"])
async def test_a_wait_that_is_none_is_refused_before_the_file_is_taken(
    http: httpx.AsyncClient, backend: Backend, text: str
) -> None:
    response = await http.post(QUICK, params={"wait": text}, content=b"a")
    assert response.json()["violations"] == [{"field": "wait", "description": "must be 0s to 60s"}]
    assert not backend.calls


async def test_nobody_waits_who_does_not_ask_to(http: httpx.AsyncClient, backend: Backend) -> None:
    await http.post(QUICK, content=b"a")
    assert "GetImage" not in backend.calls


async def test_completing_an_upload_has_time_for_all_of_its_bytes(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    await http.post("/api/v1/uploads/upl_1:complete")
    remaining = backend.calls["CompleteUpload"].remaining_s
    assert remaining is not None
    assert 45 < remaining < 61
