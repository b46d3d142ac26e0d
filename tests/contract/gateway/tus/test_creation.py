"""The making of uploads by tus: what is asked for, and what is refused."""

from __future__ import annotations

import httpx
import pytest

from picstore.catalog.v1.image_pb2 import ON_DUPLICATE_REFUSE, Image
from picstore.upload.v1.upload_pb2 import Upload
from picstore_kit.errors import InvalidArgument, Reason
from tests.contract.gateway.backend import Backend
from tests.contract.gateway.tus.requests import BYTES, VERSION, create, metadata


async def test_what_is_spoken_is_told_to_everybody(http: httpx.AsyncClient) -> None:
    for path in ("/files/", "/files/upl_1"):
        response = await http.options(path)
        assert response.status_code == 204
        assert response.headers["tus-resumable"] == "1.0.0"
        assert response.headers["tus-version"] == "1.0.0"
        assert response.headers["tus-max-size"] == "1000000"
        assert response.headers["tus-checksum-algorithm"] == "sha1,sha256,md5,crc32"
        assert set(response.headers["tus-extension"].split(",")) == {
            *("creation", "creation-with-upload", "creation-defer-length", "expiration"),
            *("checksum", "termination", "concatenation"),
        }


@pytest.mark.parametrize("verb", ["POST", "HEAD", "PATCH", "DELETE"])
@pytest.mark.parametrize("version", [{}, {"tus-resumable": "0.2.2"}], ids=["none", "another"])
async def test_another_version_is_refused(
    http: httpx.AsyncClient, backend: Backend, verb: str, version: dict[str, str]
) -> None:
    path = "/files/" if verb == "POST" else "/files/upl_1"
    response = await http.request(verb, path, headers={"upload-length": "1", **version})
    assert response.status_code == 412
    assert response.headers["tus-version"] == "1.0.0"
    assert response.headers["tus-resumable"] == "1.0.0"
    assert not backend.calls


async def test_an_upload_is_made(http: httpx.AsyncClient, backend: Backend, upload: Upload) -> None:
    said = metadata(
        filename="dög.jpg",
        filetype="image/JPEG",
        project="prj_7",
        upload_profile="web",
        alt_text="Ein schöner Hund",
        location="blog/2026",
        sha256="ab" * 32,
        on_duplicate="refuse",
        colour="brown",
    )
    key = "0190a1b2-0000-7000-8000-000000000000"
    response = await create(
        http, {"upload-metadata": said, "idempotency-key": key, "authorization": "Bearer ps_x"}
    )
    assert response.status_code == 201
    assert response.headers["location"] == "/files/upl_1"
    assert response.headers["upload-expires"] == "Tue, 01 Dec 2026 10:00:00 GMT"
    assert response.headers["tus-resumable"] == "1.0.0"
    call = backend.calls["CreateUpload"]
    assert call.metadata["authorization"] == "Bearer ps_x"
    assert call.request.request_id == key
    assert call.request.upload == Upload(
        project_id="prj_7",
        upload_profile="web",
        filename="dög.jpg",
        alt_text="Ein schöner Hund",
        location="blog/2026",
        content_type="image/jpeg",
        size_bytes=10,
        sha256="ab" * 32,
        on_duplicate=ON_DUPLICATE_REFUSE,
        method=Upload.METHOD_RESUMABLE,
        note=said,
    )
    assert "WriteUpload" not in backend.calls


async def test_what_browsers_call_it_is_understood(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    said = metadata(
        name="dog.png", type="image/png", project_id="prj_2", image_id="img_1", relativePath="null"
    )
    await create(http, {"upload-metadata": said})
    made = backend.calls["CreateUpload"].request.upload
    assert (made.filename, made.content_type) == ("dog.png", "image/png")
    assert (made.project_id, made.image_id) == ("prj_2", "img_1")


async def test_a_type_that_says_nothing_is_not_passed_on(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    await create(http, {"upload-metadata": metadata(filetype="application/octet-stream")})
    assert backend.calls["CreateUpload"].request.upload.content_type == ""


async def test_the_length_may_come_later(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    response = await create(http, {"upload-defer-length": "1"})
    assert response.status_code == 201
    assert not backend.calls["CreateUpload"].request.upload.HasField("size_bytes")


async def test_bytes_may_come_with_the_creation(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    upload.persisted_size = 0
    done = Upload(id="upl_1", state=Upload.STATE_COMPLETED, size_bytes=10, persisted_size=10)
    done.image.id = "img_1"
    backend.answer("CreateUpload", upload)
    backend.answer("WriteUpload", done)
    response = await create(http, {"upload-checksum": "crc32 AAAAAA=="}, content=b"0123456789")
    assert response.status_code == 201
    assert response.headers["upload-offset"] == "10"
    assert response.headers["picstore-image"] == "img_1"
    assert "picstore-has-gps" not in response.headers
    call = backend.calls["WriteUpload"]
    header = call.requests[0].header
    assert (header.upload_id, header.write_offset) == ("upl_1", 0)
    assert (header.finish_when_whole, header.checksum) == (True, "crc32 AAAAAA==")
    assert call.file == b"0123456789"


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"upload-length": "ten"}, "upload-length"),
        ({"upload-length": "-1"}, "upload-length"),
        ({"upload-length": "1" * 30}, "upload-length"),
        ({"upload-length": "10", "upload-defer-length": "1"}, "upload-length"),
        ({"upload-defer-length": "2"}, "upload-defer-length"),
        ({"upload-concat": "partial"}, "upload-length"),
        ({"upload-concat": "whole", "upload-length": "10"}, "upload-concat"),
        ({"upload-concat": "final;"}, "upload-concat"),
        ({"upload-concat": "final;/api/v1/me"}, "upload-concat"),
        ({"upload-concat": "final;/files/../me"}, "upload-concat"),
        ({"upload-concat": "final;http://[/files/a"}, "upload-concat"),
        ({"upload-concat": "final;/files/a", "upload-length": "10"}, "upload-length"),
        ({"upload-metadata": "filename %"}, "upload-metadata"),
        ({"upload-metadata": "filename YQ==,filename YQ=="}, "upload-metadata"),
        ({"upload-metadata": "filename YQ== YQ=="}, "upload-metadata"),
        ({"upload-metadata": f"x {'YWFh' * 1100}"}, "upload-metadata"),
        ({"upload-metadata": "filename /w=="}, "filename"),
        ({"upload-metadata": metadata(on_duplicate="explode")}, "on_duplicate"),
        ({"upload-metadata": metadata(on_duplicate="UNSPECIFIED!")}, "on_duplicate"),
        ({"upload-checksum": "sha512 AAAA"}, "upload-checksum"),
    ],
)
async def test_a_header_that_cannot_be_meant_is_refused(
    http: httpx.AsyncClient, backend: Backend, headers: dict[str, str], field: str
) -> None:
    response = await create(http, headers)
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["tus-resumable"] == "1.0.0"
    assert response.json()["violations"][0]["field"] == field
    assert not backend.calls


async def test_a_length_is_needed(http: httpx.AsyncClient, backend: Backend) -> None:
    response = await http.post("/files/?project=prj_1", headers=VERSION)
    assert response.json()["violations"][0]["field"] == "upload-length"
    assert not backend.calls


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/files/", "project"),
        ("/files/?project=a&project=b", "project"),
        ("/files/?projekt=a", "projekt"),
    ],
)
async def test_a_project_is_needed_once(http: httpx.AsyncClient, path: str, field: str) -> None:
    response = await create(http, path=path)
    assert response.status_code == 400
    assert response.json()["violations"][0]["field"] == field


@pytest.mark.parametrize(
    ("length", "status", "reason"), [("0", 400, "UPLOAD_EMPTY"), ("1000001", 413, "LIMIT_BYTES")]
)
async def test_nothing_and_too_much_are_refused_before_a_byte(
    http: httpx.AsyncClient, backend: Backend, length: str, status: int, reason: str
) -> None:
    response = await create(http, {"upload-length": length})
    assert (response.status_code, response.json()["reason"]) == (status, reason)
    assert not backend.calls


async def test_a_body_of_another_type_is_refused(http: httpx.AsyncClient, backend: Backend) -> None:
    response = await create(http, {"content-type": "image/png"}, content=b"abc")
    assert response.status_code == 415
    assert not backend.calls


async def test_a_part_is_made(http: httpx.AsyncClient, backend: Backend, upload: Upload) -> None:
    await create(http, {"upload-concat": "partial", "upload-length": "10"})
    assert backend.calls["CreateUpload"].request.upload.partial


async def test_parts_become_a_picture(
    http: httpx.AsyncClient, backend: Backend, upload: Upload
) -> None:
    backend.answer("CompleteUpload", Image(id="img_9", size_bytes=20, has_gps=True))
    backend.answer("CreateUpload", Upload(id="upl_3", state=Upload.STATE_OPEN))
    places = "final;http://elsewhere:1/files/upl_1 /files/upl_2"
    response = await create(http, {"upload-concat": places})
    assert response.status_code == 201
    assert response.headers["location"] == "/files/upl_3"
    assert response.headers["picstore-image"] == "img_9"
    assert response.headers["picstore-has-gps"] == "true"
    assert response.headers["upload-offset"] == "20"
    made = backend.calls["CreateUpload"].request.upload
    assert list(made.concat_upload_ids) == ["upl_1", "upl_2"]
    assert backend.calls["CompleteUpload"].request.upload_id == "upl_3"


async def test_the_bytes_of_parts_are_not_sent_again(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    response = await create(http, {"upload-concat": "final;/files/upl_1"}, content=b"abc")
    assert response.json()["violations"][0]["field"] == "body"
    assert not backend.calls


async def test_what_the_service_refuses_is_refused_with_its_reason(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    error = InvalidArgument(Reason.IMAGE_UNRECOGNISED, "the file is no picture that we know")
    backend.answer("WriteUpload", error)
    response = await create(http, content=b"0123456789")
    assert response.status_code == 415
    assert response.json()["reason"] == "IMAGE_UNRECOGNISED"


async def test_the_endpoint_knows_only_what_is_of_tus(http: httpx.AsyncClient) -> None:
    response = await http.get("/files/", headers=VERSION)
    assert response.status_code == 405
    assert response.headers["allow"] == "OPTIONS, POST"
    response = await http.post("/files/upl_1", headers=BYTES)
    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, HEAD, OPTIONS, PATCH, POST"
