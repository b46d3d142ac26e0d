"""The SDK against a real gateway."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from picstore.auth.v1.authentication_pb2 import Principal
from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.image_service_pb2 import ListImagesResponse, LookupImagesResponse
from picstore.catalog.v1.picture_pb2 import Picture
from picstore.catalog.v1.project_pb2 import ListProjectsResponse, Project
from picstore_client import PicStoreClient
from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    Internal,
    InvalidArgument,
    InvalidField,
    InvalidFields,
    NotFound,
    PermissionDenied,
    PicstoreError,
    Reason,
    Resource,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from tests.contract.gateway.backend import Backend

KINDS = [
    *(Aborted, AlreadyExists, Cancelled, DeadlineExceeded, FailedPrecondition, Internal),
    *(InvalidArgument, NotFound, PermissionDenied, ResourceExhausted, Unauthenticated),
    Unimplemented,
]
FILE = os.urandom(600_000)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "dög & cat.jpg"
    path.write_bytes(FILE)
    return path


async def raised(work: Callable[[], Awaitable[object]]) -> PicstoreError:
    """Return the error that a call raises."""
    with pytest.raises(PicstoreError) as caught:
        await work()
    return caught.value


def assert_same(error: PicstoreError, expected: PicstoreError) -> None:
    assert type(error) is type(expected)
    assert error.reason is expected.reason
    assert error.message == expected.message
    assert error.metadata == expected.metadata
    assert error.violations == expected.violations
    assert error.resource == expected.resource
    assert error.retry_after == expected.retry_after


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_an_error_of_every_class_comes_back_as_itself(
    client: PicStoreClient, backend: Backend, kind: type[PicstoreError]
) -> None:
    expected = kind(
        Reason.STATE_WRONG,
        "it is so",
        metadata={"a": "ü"},
        violations=[FieldViolation(field="x", description="must be y")],
        resource=Resource(type="Image", name="img_1"),
        retry_after=7.0,
    )
    backend.answer("GetImage", expected)
    assert_same(await raised(lambda: client.get_image("img_1")), expected)


async def test_an_error_of_every_reason_comes_back_with_it(
    client: PicStoreClient, backend: Backend
) -> None:
    for reason in Reason:
        backend.answer("GetImage", InvalidArgument(reason, reason.value.lower()))
        error = await raised(lambda: client.get_image("img_1"))
        assert (error.reason, error.message) == (reason, reason.value.lower())


@pytest.mark.parametrize(
    "expected",
    [
        InvalidField("a", "must be b"),
        InvalidFields(
            [
                FieldViolation(field="a", description="must be b"),
                FieldViolation(field="c", description="must be d"),
            ]
        ),
        NotFound.of("Image", "img_1"),
        PermissionDenied.missing("image:read"),
        Internal.incident("abc"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_of_a_special_form_comes_back_as_itself(
    client: PicStoreClient, backend: Backend, expected: PicstoreError
) -> None:
    backend.answer("GetImage", expected)
    assert_same(await raised(lambda: client.get_image("img_1")), expected)


async def test_the_key_goes_with_every_call(client: PicStoreClient, backend: Backend) -> None:
    backend.answer("GetPrincipal", Principal(key_id="key_1"))
    assert (await client.get_principal()).key_id == "key_1"
    assert backend.calls["GetPrincipal"].metadata["authorization"] == "Bearer ps_key"


async def test_a_project_is_found_by_name_and_by_id(
    client: PicStoreClient, backend: Backend
) -> None:
    backend.answer("ListProjects", ListProjectsResponse(projects=[Project(id="prj_1")]))
    backend.answer("GetProject", Project(id="prj_2"))
    assert (await client.find_project("web site/2")).id == "prj_1"
    assert backend.calls["ListProjects"].request.short_name == "web site/2"
    assert (await client.find_project("prj_2")).id == "prj_2"


async def test_a_project_that_is_not_there_is_not_found(client: PicStoreClient) -> None:
    error = await raised(lambda: client.find_project("nothing"))
    assert_same(error, NotFound.of("Project", "nothing"))


async def test_an_id_stays_one_part_of_the_path(client: PicStoreClient, backend: Backend) -> None:
    error = await raised(lambda: client.get_image("a/../b?c"))
    assert isinstance(error, InvalidArgument)
    assert not backend.calls


async def test_hashes_are_looked_up_a_thousand_at_a_time(
    client: PicStoreClient, backend: Backend
) -> None:
    backend.answer("LookupImages", LookupImagesResponse(images=[Image(id="img_1", sha256="5")]))
    found = await client.lookup_images("prj_1", map(str, range(1500)))
    assert set(found) == {"5"}
    assert len(backend.calls["LookupImages"].request.sha256s) == 500


async def test_no_hashes_need_no_call(client: PicStoreClient, backend: Backend) -> None:
    assert await client.lookup_images("prj_1", []) == {}
    assert not backend.calls


async def test_an_upload_carries_the_file_and_what_is_said_of_it(
    client: PicStoreClient, backend: Backend, photo: Path
) -> None:
    sent: list[int] = []
    digest = hashlib.sha256(FILE).hexdigest()
    await client.quick_upload(
        "prj_1", photo, sha256=digest, alt_text="A dög", location="x", progress=sent.append
    )
    call = backend.calls["QuickUpload"]
    header = call.requests[0].header
    assert (header.filename, header.alt_text, header.location) == ("dög & cat.jpg", "A dög", "x")
    assert (header.content_type, header.size_bytes) == ("image/jpeg", len(FILE))
    assert call.file == FILE
    assert call.requests[-1].end.sha256 == digest
    assert sum(sent) == len(FILE)
    assert len(sent) > 1


async def test_an_upload_that_is_refused_early_raises_the_refusal(
    client: PicStoreClient, backend: Backend, tmp_path: Path
) -> None:
    expected = InvalidArgument(Reason.LIMIT_BYTES, "too large", metadata={"limit": "1"})
    backend.decide("QuickUpload", lambda message: expected)
    path = tmp_path / "large"
    path.write_bytes(bytes(30_000_000))
    assert_same(await raised(lambda: client.quick_upload("prj_1", path)), expected)


async def test_an_upload_is_not_repeated(
    client: PicStoreClient, backend: Backend, photo: Path
) -> None:
    count = 0

    def decide(message: object) -> PicstoreError:
        nonlocal count
        count += 1
        return Unavailable(Reason.STORAGE_UNAVAILABLE, "not now", retry_after=3.0)

    backend.decide("QuickUpload", decide)
    error = await raised(lambda: client.quick_upload("prj_1", photo))
    assert error.reason is Reason.STORAGE_UNAVAILABLE
    assert error.retry_after == 3.0
    assert count == 1


async def test_a_file_that_shrinks_while_it_is_sent_is_told(
    client: PicStoreClient, backend: Backend, photo: Path
) -> None:
    def cut(count: int) -> None:
        os.truncate(photo, 300_000)

    error = await raised(lambda: client.quick_upload("prj_1", photo, progress=cut))
    assert error.reason is Reason.UPLOAD_INCOMPLETE
    assert "was changed" in error.message


async def test_a_file_that_is_not_there_is_an_error_of_the_system(
    client: PicStoreClient, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await client.quick_upload("prj_1", tmp_path / "nothing")


async def test_a_picture_is_waited_for(client: PicStoreClient, backend: Backend) -> None:
    seen: list[str] = []

    def on_change(image: Image) -> None:
        seen.append(image.etag)
        backend.answer("GetImage", Image(id="img_1", state=Image.STATE_READY, etag="2"))

    backend.answer("GetImage", Image(id="img_1", state=Image.STATE_CONVERTING, etag="1"))
    image = await client.wait_ready("img_1", on_change=on_change)
    assert image.state == Image.STATE_READY
    assert seen == ["1", "2"]


async def test_a_picture_that_failed_raises_why(client: PicStoreClient, backend: Backend) -> None:
    failed = Image(
        id="img_1",
        filename="dog.jpg",
        state=Image.STATE_FAILED,
        failure_reason="IMAGE_CORRUPT",
        failure_message="it is broken",
    )
    backend.answer("GetImage", failed)
    error = await raised(lambda: client.wait_ready("img_1"))
    assert isinstance(error, FailedPrecondition)
    assert error.reason is Reason.IMAGE_CORRUPT
    assert error.message == "dog.jpg could not be converted: it is broken"


async def test_a_reason_that_is_newer_than_the_sdk_is_internal(
    client: PicStoreClient, backend: Backend
) -> None:
    backend.answer("GetImage", Image(state=Image.STATE_FAILED, failure_reason="BORED"))
    assert (await raised(lambda: client.wait_ready("img_1"))).reason is Reason.INTERNAL


async def test_waiting_ends(client: PicStoreClient, backend: Backend) -> None:
    backend.answer("GetImage", Image(id="img_1", state=Image.STATE_CONVERTING))
    error = await raised(lambda: client.wait_ready("img_1", timeout_s=0.2))
    assert isinstance(error, DeadlineExceeded)


async def test_a_tag_is_for_the_sizes_that_are_said(
    client: PicStoreClient, backend: Backend
) -> None:
    backend.answer("GetPicture", Picture(html="<picture>"))
    assert (await client.get_picture("img_1", sizes="50vw")).html == "<picture>"
    assert backend.calls["GetPicture"].request.sizes == "50vw"


async def test_a_list_ends_at_its_limit(client: PicStoreClient, backend: Backend) -> None:
    images = [Image(id=f"img_{number}") for number in range(5)]
    backend.answer("ListImages", ListImagesResponse(images=images, next_page_token="more"))
    listed = [image.id async for image in client.list_images("prj_1", limit=7)]
    assert listed == [*(f"img_{n}" for n in range(5)), "img_0", "img_1"]
    request = backend.calls["ListImages"].request
    assert (request.page_size, request.page_token) == (7, "more")


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "ftp://x", "http://", "/x"])
def test_what_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="no URL"):
        PicStoreClient(url, "ps_key")


@pytest.mark.parametrize("key", ["", "ps key", "ps_ü", "ps_x\n"])
def test_what_can_be_no_key_is_refused_at_once(key: str) -> None:
    with pytest.raises(Unauthenticated):
        PicStoreClient("http://127.0.0.1", key)


class Scripted:
    """A server that answers each request with the next of its texts, then with the last."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = answers
        self.requests = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self._answers[min(self.requests, len(self._answers) - 1)])
        self.requests += 1
        await writer.drain()
        writer.close()

    async def get_image(self) -> Image:
        """Return what the SDK makes of it."""
        server = await asyncio.start_server(self, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()
            async with PicStoreClient(f"http://{host}:{port}", "ps_key") as client:
                return await client.get_image("img_1")


def answer(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


GOOD = answer(200, b'{"id": "img_1", "a_field_of_tomorrow": 1}')


async def test_a_read_is_repeated_until_it_is_answered() -> None:
    server = Scripted(b"", answer(502, b"<html>"), GOOD)
    assert (await server.get_image()).id == "img_1"
    assert server.requests == 3


async def test_a_read_is_not_repeated_for_ever() -> None:
    server = Scripted(b"")
    error = await raised(server.get_image)
    assert isinstance(error, Unavailable)
    assert error.reason is Reason.DEPENDENCY_UNAVAILABLE
    assert "is Pic Store running there?" in error.message
    assert server.requests == 4


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (404, b"<html>"), (301, b""), (400, b'{"detail": 1}')]
)
async def test_an_answer_that_is_not_pic_stores_is_told(status: int, body: bytes) -> None:
    server = Scripted(answer(status, body))
    error = await raised(server.get_image)
    assert isinstance(error, FailedPrecondition)
    assert error.metadata == {"status": str(status)}
    assert server.requests == 1
