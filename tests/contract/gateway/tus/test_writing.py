"""Uploads by tus: how far they are, their bytes, and their end."""

from __future__ import annotations

import asyncio
import base64
import hashlib

import httpx
import pytest

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1.upload_pb2 import Upload
from picstore_gateway import csrf
from picstore_kit.credentials import new_session_secret
from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PicstoreError,
    Reason,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from picstore_kit.ids import SessionId, new_id
from tests.contract.gateway.backend import Backend
from tests.contract.gateway.tus.requests import BYTES, UPLOAD, VERSION, patch


async def test_how_far_an_upload_is(http: httpx.AsyncClient, upload: Upload) -> None:
    response = await http.head(UPLOAD, headers=VERSION)
    assert response.status_code == 200
    told = {
        name: value
        for name, value in response.headers.items()
        if name.startswith(("upload-", "tus-", "cache", "picstore"))
    }
    assert told == {
        "upload-offset": "4",
        "upload-length": "10",
        "upload-metadata": "filename ZG9nLmpwZw==,mine",
        "upload-expires": "Tue, 01 Dec 2026 10:00:00 GMT",
        "tus-resumable": "1.0.0",
        "cache-control": "no-store",
    }


async def test_a_length_that_is_not_known_yet(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    upload.ClearField("size_bytes")
    response = await http.head(UPLOAD, headers=VERSION)
    assert response.headers["upload-defer-length"] == "1"
    assert "upload-length" not in response.headers


@pytest.mark.parametrize("note", ["", "for the blog", "a\r\nSet-Cookie: x", "schön YQ==", "a ü"])
async def test_a_note_that_is_no_metadata_is_no_header(
    http: httpx.AsyncClient, backend: Backend, upload: Upload, note: str
) -> None:
    upload.note = note
    response = await http.head(UPLOAD, headers=VERSION)
    assert response.status_code == 200
    assert "upload-metadata" not in response.headers
    assert "set-cookie" not in response.headers


async def test_what_an_upload_has_to_do_with_others(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    upload.partial = True
    response = await http.head(UPLOAD, headers=VERSION)
    assert response.headers["upload-concat"] == "partial"
    whole = Upload(id="upl_3", state=Upload.STATE_COMPLETED, concat_upload_ids=["upl_1", "upl_2"])
    whole.image.id, whole.image.size_bytes = "img_1", 20
    backend.answer("GetUpload", whole)
    response = await http.head(UPLOAD, headers=VERSION)
    assert response.headers["upload-concat"] == "final;/files/upl_1 /files/upl_2"
    assert response.headers["upload-offset"] == response.headers["upload-length"] == "20"


async def test_what_is_whole_and_no_picture_is_made_one_before_it_is_called_done(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    upload.persisted_size = 10
    backend.answer("CompleteUpload", Image(id="img_1", size_bytes=10))
    response = await http.head(UPLOAD, headers=VERSION)
    assert response.headers["upload-offset"] == "10"
    assert response.headers["picstore-image"] == "img_1"
    assert backend.calls["CompleteUpload"].request.upload_id == "upl_1"


async def test_a_part_that_is_whole_is_done(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    upload.persisted_size = 10
    upload.partial = True
    response = await http.head(UPLOAD, headers=VERSION)
    assert response.headers["upload-offset"] == "10"
    assert "CompleteUpload" not in backend.calls


@pytest.mark.parametrize(
    "error",
    [
        Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "no"),
        ResourceExhausted(Reason.OVERLOADED, "no", retry_after=1),
    ],
)
async def test_an_upload_that_cannot_be_asked_for_now_is_locked_and_not_lost(
    http: httpx.AsyncClient, backend: Backend, error: PicstoreError
) -> None:
    backend.answer("GetUpload", error)
    response = await http.head(UPLOAD, headers=VERSION)
    assert response.status_code == 423
    assert response.headers["retry-after"] == "1"


async def test_an_upload_that_was_never_made_is_not_locked(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    backend.answer("GetUpload", NotFound.of("Upload", "upl_1"))
    response = await http.head(UPLOAD, headers=VERSION)
    assert response.status_code == 404


@pytest.mark.parametrize("state", ["STATE_FAILED", "STATE_EXPIRED"])
@pytest.mark.parametrize("verb", ["HEAD", "PATCH"])
async def test_what_has_ended_is_gone(
    http: httpx.AsyncClient, backend: Backend, upload: Upload, state: str, verb: str
) -> None:
    upload.state = Upload.State.Value(state)
    upload.failure_reason = "IMAGE_TRUNCATED"
    upload.failure_message = "the file ends too early"
    headers = {**BYTES, "upload-offset": "4"}
    response = await http.request(verb, UPLOAD, headers=headers)
    assert response.status_code == 410
    if verb == "PATCH":
        reason = "IMAGE_TRUNCATED" if state == "STATE_FAILED" else "UPLOAD_EXPIRED"
        assert response.json()["reason"] == reason
    assert "WriteUpload" not in backend.calls


async def test_bytes_are_passed_on(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    after = Upload()
    after.CopyFrom(upload)
    after.persisted_size = 7
    backend.answer("WriteUpload", after)
    response = await patch(http, b"abc", {"authorization": "Bearer ps_x"})
    assert response.status_code == 204
    assert response.headers["upload-offset"] == "7"
    assert response.headers["upload-expires"] == "Tue, 01 Dec 2026 10:00:00 GMT"
    call = backend.calls["WriteUpload"]
    assert call.metadata["authorization"] == "Bearer ps_x"
    header, chunk = call.requests
    assert (header.header.upload_id, header.header.write_offset) == ("upl_1", 4)
    assert header.header.finish_when_whole
    assert not header.header.HasField("size_bytes")
    assert (chunk.chunk.offset, chunk.chunk.data) == (4, b"abc")


async def test_a_picture_is_told_of(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    done = Upload()
    done.CopyFrom(upload)
    done.state, done.persisted_size = Upload.STATE_COMPLETED, 10
    done.image.id, done.image.has_gps = "img_1", True
    backend.answer("WriteUpload", done)
    response = await patch(http)
    assert response.status_code == 204
    assert response.headers["upload-offset"] == "10"
    assert response.headers["picstore-image"] == "img_1"
    assert response.headers["picstore-has-gps"] == "true"
    assert "upload-expires" not in response.headers


async def test_a_part_makes_no_picture(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    upload.partial = True
    await patch(http)
    assert not backend.calls["WriteUpload"].requests[0].header.finish_when_whole


async def test_the_bytes_of_parts_cannot_be_changed(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    upload.concat_upload_ids.extend(["upl_2", "upl_3"])
    response = await patch(http)
    assert response.status_code == 403
    assert "WriteUpload" not in backend.calls


async def test_the_length_may_come_with_the_last_bytes(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    upload.ClearField("size_bytes")
    await patch(http, headers={"upload-length": "10"})
    assert backend.calls["WriteUpload"].requests[0].header.size_bytes == 10


@pytest.mark.parametrize(
    ("length", "status", "reason"),
    [
        ("10", 204, None),
        ("11", 400, "FIELD_INVALID"),
        ("x", 400, "FIELD_INVALID"),
        ("1000001", 413, "LIMIT_BYTES"),
    ],
)
async def test_a_length_stays_as_it_was_said(
    http: httpx.AsyncClient, upload: Upload, length: str, status: int, reason: str | None
) -> None:
    response = await patch(http, headers={"upload-length": length})
    assert response.status_code == status
    assert reason is None or response.json()["reason"] == reason


async def test_bytes_from_elsewhere_are_refused(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    response = await patch(http, offset=3)
    assert response.status_code == 409
    assert response.json()["reason"] == "UPLOAD_OFFSET_WRONG"
    assert response.json()["metadata"] == {"expected": "4", "received": "3"}
    assert "WriteUpload" not in backend.calls


@pytest.mark.parametrize("offset", ["", "-1", "4.0", "x"])
async def test_an_offset_is_a_number(
    http: httpx.AsyncClient, backend: Backend, upload: Upload, offset: str
) -> None:
    response = await patch(http, headers={"upload-offset": offset})
    assert response.status_code == 400
    assert response.json()["violations"][0]["field"] == "upload-offset"


async def test_bytes_of_another_type_are_refused(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    response = await patch(http, headers={"content-type": "application/octet-stream"})
    assert response.status_code == 415
    assert not backend.calls


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
async def test_a_checksum_is_passed_on(
    http: httpx.AsyncClient, backend: Backend, upload: Upload, algorithm: str
) -> None:
    digest = base64.b64encode(hashlib.new(algorithm, b"abcdef").digest()).decode()
    response = await patch(http, headers={"upload-checksum": f"{algorithm} {digest}"})
    assert response.status_code == 204
    assert backend.calls["WriteUpload"].requests[0].header.checksum == f"{algorithm} {digest}"


@pytest.mark.parametrize("checksum", ["sha512 AAAA", "sha1 AAAA", "sha1", "sha1 %", "", "crc32c A"])
async def test_a_checksum_that_is_none_is_refused(
    http: httpx.AsyncClient, backend: Backend, upload: Upload, checksum: str
) -> None:
    response = await patch(http, headers={"upload-checksum": checksum})
    assert response.status_code == 400
    assert response.json()["violations"][0]["field"] == "upload-checksum"
    assert "WriteUpload" not in backend.calls


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (InvalidArgument(Reason.UPLOAD_CHECKSUM_WRONG, "no"), 460, None),
        (Aborted(Reason.UPLOAD_BUSY, "no", retry_after=1.5), 423, "2"),
        (Aborted(Reason.LEASE_LOST, "no"), 409, None),
        (Aborted(Reason.UPLOAD_OFFSET_WRONG, "no"), 409, None),
        (InvalidArgument(Reason.UPLOAD_STALLED, "no"), 409, None),
        (FailedPrecondition(Reason.UPLOAD_EXPIRED, "no"), 410, None),
        (InvalidArgument(Reason.IMAGE_UNRECOGNISED, "no"), 415, None),
        (InvalidArgument(Reason.IMAGE_TRUNCATED, "no"), 422, None),
        # Clients of tus would ask again and again after a 409.
        (AlreadyExists(Reason.IMAGE_DUPLICATE, "no"), 422, None),
        (FailedPrecondition(Reason.UPLOAD_COMPLETED, "no"), 422, None),
        (InvalidArgument(Reason.LIMIT_BYTES, "no"), 413, None),
        (NotFound.of("Upload", "upl_1"), 404, None),
        (Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "no"), 503, "1"),
    ],
    ids=lambda value: value.reason.value if isinstance(value, PicstoreError) else None,
)
async def test_a_refusal_has_the_status_that_clients_go_by(
    http: httpx.AsyncClient,
    backend: Backend,
    upload: Upload,
    error: PicstoreError,
    status: int,
    retry_after: str | None,
) -> None:
    backend.answer("WriteUpload", error)
    response = await patch(http)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers.get("retry-after") == retry_after
    assert response.headers["tus-resumable"] == "1.0.0"
    assert response.json()["reason"] == error.reason.value
    assert response.json()["status"] == status


async def test_an_answer_that_was_lost_can_be_asked_for_again(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    upload.state, upload.persisted_size = Upload.STATE_COMPLETED, 10
    upload.image.id = "img_1"
    response = await patch(http, b"", offset=10)
    assert response.status_code == 204
    assert response.headers["picstore-image"] == "img_1"
    assert "WriteUpload" not in backend.calls


async def test_what_came_of_a_client_that_breaks_off_is_kept(
    address: str, backend: Backend, upload: Upload
) -> None:
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = {**BYTES, "upload-offset": "4", "host": "x", "content-length": "900000"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    sent = bytes(300_000)
    writer.write(f"PATCH {UPLOAD} HTTP/1.1\r\n{lines}\r\n".encode() + sent)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    while "WriteUpload" not in backend.calls:
        backend.called.clear()
        await backend.called.wait()
    call = backend.calls["WriteUpload"]
    await call.ended.wait()
    assert call.in_order
    assert len(call.file) == len(sent)
    assert not any(message.HasField("finish") for message in call.requests)


async def test_an_upload_is_given_up(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    response = await http.delete(UPLOAD, headers=VERSION)
    assert response.status_code == 204
    assert backend.calls["DeleteUpload"].request.upload_id == "upl_1"


@pytest.mark.parametrize(
    ("verb", "status", "method"),
    [("PATCH", 204, "WriteUpload"), ("DELETE", 204, "DeleteUpload"), ("head", 200, "GetUpload")],
)
async def test_what_can_only_post_says_what_it_means(
    http: httpx.AsyncClient, backend: Backend, upload: Upload, verb: str, status: int, method: str
) -> None:
    headers = {**BYTES, "upload-offset": "4", "x-http-method-override": verb}
    response = await http.post(UPLOAD, headers=headers, content=b"abc")
    assert response.status_code == status
    assert method in backend.calls


async def test_only_a_post_may_mean_something_else(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    headers = {**VERSION, "x-http-method-override": "DELETE"}
    assert (await http.head(UPLOAD, headers=headers)).status_code == 200
    assert "DeleteUpload" not in backend.calls


async def test_who_asks_must_say_who(http: httpx.AsyncClient, backend: Backend) -> None:
    backend.answer("GetUpload", Unauthenticated(Reason.CREDENTIAL_MISSING, "no"))
    for response in (
        await patch(http),
        await patch(http, headers={"authorization": "Basic x"}),
    ):
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert response.headers["tus-resumable"] == "1.0.0"


async def test_a_browser_needs_its_token(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    session = new_session_secret(new_id(SessionId))
    cookie = {"cookie": f"__Host-picstore={session.text}"}
    refused = await patch(http, headers=cookie)
    assert refused.status_code == 403
    assert refused.json()["reason"] == "CSRF_TOKEN_INVALID"
    token = csrf.token_of(session)
    admitted = await patch(http, headers={**cookie, csrf.HEADER: token})
    assert admitted.status_code == 204
    assert backend.calls["WriteUpload"].metadata["authorization"] == f"Bearer {session.text}"
