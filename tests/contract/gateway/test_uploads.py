"""Files over HTTP: raw and in forms, whole and broken, refused early and given up."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from picstore.catalog.v1.image_pb2 import Image
from picstore_kit.errors import InvalidArgument, PicstoreError, Reason
from tests.contract.gateway.backend import Backend

PATH = "/api/v1/projects/prj_1/quick_upload"
FILE = os.urandom(700_000)
CURL = shutil.which("curl")

TOO_LARGE = InvalidArgument(Reason.LIMIT_BYTES, "too large", metadata={"limit": "1"})


def form(*parts: tuple[str, bytes], boundary: str = "xYx") -> tuple[bytes, dict[str, str]]:
    """Return a body of parts, each with its headers but for the name of the disposition."""
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"
        for head, data in parts
    )
    body += f"--{boundary}--\r\n".encode()
    return body, {"content-type": f"multipart/form-data; boundary={boundary}"}


async def pieces(data: bytes, size: int = 10_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.fixture(autouse=True)
def image(backend: Backend) -> Image:
    image = Image(id="img_1", filename="dog.jpg")
    backend.answer("QuickUpload", image)
    return image


async def test_a_raw_body_is_the_file(http: httpx.AsyncClient, backend: Backend) -> None:
    response = await http.post(
        PATH,
        params={"filename": "dög.jpg", "alt_text": "A dog", "location": "blog/2026"},
        content=FILE,
        headers={"content-type": "image/JPEG; q=1"},
    )
    assert response.status_code == 201
    assert response.headers["location"] == "/api/v1/images/img_1"
    assert response.json()["id"] == "img_1"
    call = backend.calls["QuickUpload"]
    header = call.requests[0].header
    assert (header.project_id, header.filename) == ("prj_1", "dög.jpg")
    assert (header.alt_text, header.location) == ("A dog", "blog/2026")
    assert (header.content_type, header.size_bytes) == ("image/jpeg", len(FILE))
    assert call.file == FILE
    offsets = [message.chunk.offset for message in call.requests[1:-1]]
    assert offsets == [0, 262_144, 524_288]
    assert call.requests[-1].WhichOneof("message") == "end"
    assert call.requests[-1].end.sha256 == ""


async def test_a_body_of_unknown_length_is_the_file(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    response = await http.post(PATH, content=pieces(FILE))
    assert response.status_code == 201
    call = backend.calls["QuickUpload"]
    assert not call.requests[0].header.HasField("size_bytes")
    assert call.file == FILE


@pytest.mark.parametrize("content_type", ["", "application/octet-stream"])
async def test_a_content_type_that_says_nothing_is_not_passed_on(
    http: httpx.AsyncClient, backend: Backend, content_type: str
) -> None:
    await http.post(PATH, content=FILE, headers={"content-type": content_type})
    assert backend.calls["QuickUpload"].requests[0].header.content_type == ""


async def test_an_announced_picture_gets_its_bytes(
    http: httpx.AsyncClient, backend: Backend, image: Image
) -> None:
    backend.answer("UploadImage", image)
    response = await http.post("/api/v1/images/img_1/upload", content=FILE)
    assert response.status_code == 200
    assert "location" not in response.headers
    call = backend.calls["UploadImage"]
    assert call.requests[0].header.image_id == "img_1"
    assert call.file == FILE


async def test_an_empty_body_is_for_the_service_to_refuse(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    await http.post(PATH)
    kinds = [message.WhichOneof("message") for message in backend.calls["QuickUpload"].requests]
    assert kinds == ["header", "end"]


async def test_a_digest_is_passed_on_in_hexadecimal(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    digest = hashlib.sha256(FILE).digest()
    value = f"sha-512=:AAAA:, sha-256=:{base64.b64encode(digest).decode()}:"
    await http.post(PATH, content=FILE, headers={"content-digest": value})
    assert backend.calls["QuickUpload"].requests[-1].end.sha256 == digest.hex()


@pytest.mark.parametrize(
    "value", ["sha-256=x", "sha-256=:AAAA:", "sha-256=::", "sha-256=:%:", "sha-256=:é:"]
)
async def test_a_malformed_digest_is_refused(
    http: httpx.AsyncClient, backend: Backend, value: str
) -> None:
    response = await http.post(PATH, content=FILE, headers={b"content-digest": value.encode()})
    assert response.status_code == 400
    assert response.json()["violations"][0]["field"] == "content-digest"
    assert not backend.calls


async def test_an_unknown_parameter_is_refused(http: httpx.AsyncClient, backend: Backend) -> None:
    response = await http.post(f"{PATH}?api_key=ps_x&alt_text=a&alt_text=b", content=FILE)
    told = {v["field"]: v["description"] for v in response.json()["violations"]}
    assert told == {"api_key": "is not a parameter", "alt_text": "must be given once"}
    assert not backend.calls


async def test_a_form_is_its_file_and_the_fields_before_it(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    body, headers = form(
        ('name="alt_text"', "Ein schöner Hund".encode()),
        ('name="location"', b"blog"),
        ('name="file"; filename="dög.png"\r\nContent-Type: image/png', FILE),
    )
    response = await http.post(PATH, content=pieces(body, 777), headers=headers)
    assert response.status_code == 201
    call = backend.calls["QuickUpload"]
    header = call.requests[0].header
    assert (header.alt_text, header.location) == ("Ein schöner Hund", "blog")
    assert (header.filename, header.content_type) == ("dög.png", "image/png")
    assert not header.HasField("size_bytes")
    assert call.file == FILE


async def test_the_query_wins_over_the_form(http: httpx.AsyncClient, backend: Backend) -> None:
    await http.post(
        f"{PATH}?filename=cat.png", data={"alt_text": "A cat"}, files={"file": ("x.png", FILE)}
    )
    header = backend.calls["QuickUpload"].requests[0].header
    assert (header.filename, header.alt_text) == ("cat.png", "A cat")


async def test_a_form_for_an_announced_picture_needs_no_name(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    await http.post("/api/v1/images/img_1/upload", files={"file": ("dog.jpg", FILE)})
    assert backend.calls["UploadImage"].file == FILE


async def test_a_file_may_hold_what_looks_like_a_boundary(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    tricky = b"--xYx\r\n-xYx--\r\n\r\n--xY" * 100
    tricky = tricky.replace(b"\r\n--xYx", b"\r\n--xYz")
    body, headers = form(('name="file"; filename="a"', tricky))
    await http.post(PATH, content=pieces(body, 13), headers=headers)
    assert backend.calls["QuickUpload"].file == tricky


PNG = 'name="file"; filename="a.png"'


@pytest.mark.parametrize(
    ("parts", "field", "description"),
    [
        ([('name="alt_text"', b"x")], "body", "must be a form with a file in it"),
        ([], "body", "must be a form with a file in it"),
        ([(PNG, b"1"), ('name="alt_text"', b"x")], "alt_text", "must come before the file"),
        (
            [(PNG, b"1"), ('name="second"; filename="b"', b"2")],
            "second",
            "must be the only file of the form",
        ),
        ([('name="colour"', b"x"), (PNG, b"1")], "colour", "is not a parameter"),
        (
            [('name="alt_text"', b"x"), ('name="alt_text"', b"y"), (PNG, b"1")],
            "alt_text",
            "must be given once",
        ),
        (
            [('name="alt_text"', b"x" * 70_000), (PNG, b"1")],
            "body",
            "must not have over 65536 bytes of fields",
        ),
        (
            [(f"{PNG}\r\nX-Large: {'x' * 9000}", b"1")],
            "body",
            "must be a well-formed form",
        ),
    ],
    ids=["no file", "empty", "late field", "two files", "unknown", "twice", "huge", "huge header"],
)
async def test_a_form_that_cannot_be_meant_is_refused(
    http: httpx.AsyncClient,
    parts: list[tuple[str, bytes]],
    field: str,
    description: str,
) -> None:
    body, headers = form(*parts)
    response = await http.post(PATH, content=body, headers=headers)
    assert response.status_code == 400
    assert response.json()["violations"] == [{"field": field, "description": description}]


async def test_a_form_that_is_refused_late_stores_nothing(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    body, headers = form((PNG, FILE * 8), ('name="alt_text"', b"x"))
    await http.post(PATH, content=body, headers=headers)
    call = backend.calls["QuickUpload"]
    await call.ended.wait()
    assert not call.whole


async def test_a_form_that_is_cut_off_is_incomplete(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    body, headers = form((PNG, FILE * 8))
    response = await http.post(PATH, content=body[:-20], headers=headers)
    assert response.status_code == 400
    assert response.json()["reason"] == "UPLOAD_INCOMPLETE"
    await backend.calls["QuickUpload"].ended.wait()
    assert not backend.calls["QuickUpload"].whole


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary="])
async def test_a_form_without_a_boundary_is_refused(
    http: httpx.AsyncClient, content_type: str
) -> None:
    response = await http.post(PATH, content=FILE, headers={"content-type": content_type})
    assert response.json()["violations"][0]["field"] == "content-type"


async def test_what_is_no_form_is_refused(http: httpx.AsyncClient) -> None:
    _, headers = form()
    response = await http.post(PATH, content=FILE, headers=headers)
    assert response.json()["violations"] == [
        {"field": "body", "description": "must be a well-formed form"}
    ]


async def test_the_digest_of_a_form_is_refused_for_it_is_not_the_files(
    http: httpx.AsyncClient,
) -> None:
    body, headers = form((PNG, FILE))
    headers["content-digest"] = f"sha-256=:{base64.b64encode(bytes(32)).decode()}:"
    response = await http.post(PATH, content=body, headers=headers)
    assert response.json()["violations"][0]["field"] == "content-digest"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that fits no buffer on the way."""
    path = tmp_path / "large"
    path.write_bytes(bytes(40_000_000))
    return path


def refuse_after(backend: Backend, messages: int, error: PicstoreError) -> None:
    seen = 0

    def decide(message: object) -> PicstoreError | None:
        nonlocal seen
        seen += 1
        return error if seen > messages else None

    backend.decide("QuickUpload", decide)


@pytest.mark.parametrize("messages", [0, 3])
@pytest.mark.parametrize("connection", ["keep-alive", "close"])
async def test_an_early_refusal_reaches_a_client_that_still_sends(
    http: httpx.AsyncClient, backend: Backend, messages: int, connection: str
) -> None:
    refuse_after(backend, messages, TOO_LARGE)
    response = await http.post(
        PATH, content=pieces(bytes(40_000_000), 100_000), headers={"connection": connection}
    )
    assert response.status_code == 413
    assert response.json()["metadata"] == {"limit": "1"}


async def test_a_connection_is_good_for_more_after_an_early_refusal(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    refuse_after(backend, 0, TOO_LARGE)
    assert (await http.post(PATH, content=FILE)).status_code == 413
    assert (await http.get("/healthz")).status_code == 200


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
@pytest.mark.parametrize(
    "options",
    [
        ("--data-binary", "@FILE"),
        ("--data-binary", "@FILE", "--header", "Expect:"),
        ("--data-binary", "@FILE", "--header", "Expect:", "--header", "Connection: close"),
        ("--data-binary", "@FILE", "--header", "Expect:", "--http1.0"),
        ("--upload-file", "FILE", "--request", "POST", "--header", "Transfer-Encoding: chunked"),
        ("--form", "file=@FILE;type=image/png"),
    ],
    ids=["expects", "does not expect", "closes", "HTTP 1.0", "chunked", "form"],
)
async def test_an_early_refusal_reaches_curl(
    address: str, backend: Backend, large: Path, options: tuple[str, ...]
) -> None:
    refuse_after(backend, 1, TOO_LARGE)
    assert CURL is not None
    curl = await asyncio.create_subprocess_exec(
        *(CURL, "--silent", "--show-error", "--noproxy", "*", "--write-out", "%{http_code}"),
        *(option.replace("FILE", str(large)) for option in options),
        f"http://{address}{PATH}",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await curl.communicate()
    assert (out[-3:], err) == (b"413", b""), out
    assert b'"LIMIT_BYTES"' in out


async def test_a_client_that_goes_away_takes_the_upload_with_it(
    address: str, backend: Backend
) -> None:
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    # Says 1000 bytes, and sends 4.
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabcd".encode())
    await writer.drain()
    await backend.called.wait()
    writer.close()
    await writer.wait_closed()
    call = backend.calls["QuickUpload"]
    await call.ended.wait()
    assert not call.whole


async def test_what_comes_after_the_length_that_was_said_is_not_of_the_file(
    address: str, backend: Backend
) -> None:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcdefgh".encode())
    assert b" 201 " in await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert backend.calls["QuickUpload"].file == b"abcd"
