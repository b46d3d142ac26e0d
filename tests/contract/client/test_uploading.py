"""`PicStoreClient.upload`: the way that bytes go, and what is said of them."""

from __future__ import annotations

import io
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.project_pb2 import ListProjectsResponse
from picstore.upload.v1.upload_pb2 import Upload
from picstore_client import OnDuplicate, PicStoreClient, Via, uploading
from picstore_client.sources import BLOCK_BYTES, opened
from picstore_kit.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidField,
    PermissionDenied,
    Reason,
)
from tests.contract.client.gateway import FakeGateway
from tests.contract.client.uploads import FILE, SHA256, WAYS, only_picture, refused, upload


@contextmanager
def piped(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file in a pipe."""
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield cast(BinaryIO, process.stdout)


@pytest.mark.parametrize("via", WAYS)
async def test_every_way_makes_one_picture_of_exactly_the_bytes(
    gateway: FakeGateway, photo: Path, via: Via
) -> None:
    sent: list[int] = []
    uploaded = await upload(gateway, photo, via=via, progress=sent.append)
    assert only_picture(gateway) == FILE
    assert (uploaded.image.sha256, uploaded.known) == (SHA256, False)
    assert bool(uploaded.upload_id) is (via is not Via.QUICK)
    assert sum(sent) == len(FILE)
    assert len(sent) > 1


async def test_small_files_go_in_one_request_and_large_ones_can_be_resumed(
    gateway: FakeGateway, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upload(gateway, photo)
    assert [asked.verb for asked in gateway.asked] == ["POST"]
    monkeypatch.setattr(uploading, "MAX_QUICK_BYTES", len(FILE) - 1)
    await upload(gateway, photo)
    assert [asked.verb for asked in gateway.asked[1:]] == ["POST", "PATCH"]


async def test_bytes_for_a_picture_that_is_there_go_by_what_can_be_repeated(
    gateway: FakeGateway, photo: Path
) -> None:
    await upload(gateway, photo, project="", image="img_7")
    assert gateway.uploads["upl_0"].upload.image_id == "img_7"
    assert gateway.uploads["upl_0"].upload.project_id == "prj_1"


async def test_what_is_said_of_a_file_arrives(gateway: FakeGateway, photo: Path) -> None:
    said = {"upload_profile": "web", "alt_text": "A dög", "location": "blog/2026"}
    create = OnDuplicate.CREATE
    await upload(gateway, photo, on_duplicate=create, **said)
    query = gateway.asked[0].query
    assert {name: query[name] for name in said} == said
    assert (query["filename"], query["on_duplicate"]) == ("dög.jpg", "ON_DUPLICATE_CREATE")
    assert gateway.asked[0].headers["content-type"] == "image/jpeg"

    await upload(gateway, photo, on_duplicate=create, via=Via.RESUMABLE, filename="a.png", **said)
    made = gateway.uploads["upl_0"].upload
    assert {name: getattr(made, name) for name in said} == said
    assert (made.filename, made.content_type) == ("a.png", "image/png")
    assert (made.size_bytes, made.sha256) == (len(FILE), SHA256)
    assert made.method == Upload.METHOD_RESUMABLE


@pytest.mark.parametrize("kind", ["bytes", "file", "middle", "pipe"])
@pytest.mark.parametrize("via", WAYS)
async def test_bytes_and_files_and_pipes_are_as_good_as_paths(
    gateway: FakeGateway, photo: Path, kind: str, via: Via
) -> None:
    if kind == "bytes":
        await upload(gateway, FILE, via=via)
    elif kind == "file":
        with photo.open("rb") as file:
            await upload(gateway, file, via=via)
    elif kind == "middle":
        padded = io.BytesIO(b"before" + FILE)
        padded.seek(6)
        await upload(gateway, padded, via=via)
    else:
        with piped(photo) as file:
            await upload(gateway, file, via=via)
    assert only_picture(gateway) == FILE


@pytest.mark.parametrize("via", WAYS)
async def test_a_file_that_is_written_to_meanwhile_is_refused(
    gateway: FakeGateway, photo: Path, via: Via
) -> None:
    def append(count: int) -> None:
        with photo.open("ab") as file:
            file.write(b"more")

    error = await refused(gateway, photo, via=via, progress=append)
    assert error.reason is Reason.UPLOAD_INCOMPLETE
    assert "was changed" in error.message
    assert not gateway.images


async def test_other_bytes_than_were_announced_are_refused(
    gateway: FakeGateway, photo: Path
) -> None:
    error = await refused(gateway, photo, via=Via.RESUMABLE, sha256="11" * 32)
    assert error.reason is Reason.UPLOAD_DIGEST_WRONG


@pytest.mark.parametrize("via", [Via.RESUMABLE, Via.PRESIGNED])
async def test_a_file_without_bytes_is_refused_before_anything_is_made(
    gateway: FakeGateway, via: Via
) -> None:
    assert (await refused(gateway, b"", via=via)).reason is Reason.UPLOAD_EMPTY
    assert not gateway.asked


async def test_what_is_known_is_not_sent(gateway: FakeGateway, photo: Path) -> None:
    gateway.known = [Image(id="img_9", sha256=SHA256, state=Image.STATE_READY)]
    sent: list[int] = []
    uploaded = await upload(gateway, photo, skip_known=True, progress=sent.append)
    assert (uploaded.image.id, uploaded.known) == ("img_9", True)
    assert sum(sent) == len(FILE)
    assert [asked.path.rpartition(":")[2] for asked in gateway.asked] == ["lookup"]


@pytest.mark.parametrize("state", [Image.STATE_FAILED, Image.STATE_AWAITING_UPLOAD])
async def test_what_is_known_but_no_picture_is_sent(
    gateway: FakeGateway, photo: Path, state: Image.State.ValueType
) -> None:
    gateway.known = [Image(id="img_9", sha256=SHA256, state=state)]
    assert not (await upload(gateway, photo, skip_known=True)).known


@pytest.mark.parametrize(
    "settings",
    [{"on_duplicate": OnDuplicate.CREATE}, {"on_duplicate": OnDuplicate.REFUSE}, {"image": "i"}],
    ids=str,
)
async def test_where_the_answer_may_be_another_nothing_is_looked_up(
    gateway: FakeGateway, photo: Path, settings: dict[str, Any]
) -> None:
    gateway.known = [Image(id="img_9", sha256=SHA256, state=Image.STATE_READY)]
    await upload(gateway, photo, skip_known=True, **settings)
    assert not gateway.requests("POST", ":lookup")


async def test_whoever_may_only_upload_does(gateway: FakeGateway, photo: Path) -> None:
    denied = PermissionDenied(Reason.PERMISSION_MISSING, "image:read")
    gateway.refusals["lookup"] = deque([denied])
    await upload(gateway, photo, skip_known=True)
    assert only_picture(gateway) == FILE


async def test_a_duplicate_that_is_not_wanted_is_told(gateway: FakeGateway, photo: Path) -> None:
    error = AlreadyExists(Reason.IMAGE_DUPLICATE, "there", metadata={"image": "img_1"})
    gateway.refusals["quick"] = deque([error])
    told = await refused(gateway, photo, on_duplicate=OnDuplicate.REFUSE)
    assert (type(told), told.metadata) == (AlreadyExists, {"image": "img_1"})


async def test_the_only_project_need_not_be_named(gateway: FakeGateway, photo: Path) -> None:
    await upload(gateway, photo, project="")
    assert "/projects/prj_1/" in gateway.asked[-1].path


async def test_a_picture_can_be_waited_for(gateway: FakeGateway, photo: Path) -> None:
    assert (await upload(gateway, photo, wait=True)).image.state == Image.STATE_READY


async def test_a_file_becomes_what_a_page_needs(gateway: FakeGateway, photo: Path) -> None:
    async with PicStoreClient(gateway.url, "ps_key") as client:
        assert (await client.picture(photo, sizes="50vw")).html == "<picture>img_0 50vw"
        assert (await client.picture("img_5", sizes="9vw")).html == "<picture>img_5 9vw"
        known = Image(id="img_6", state=Image.STATE_READY)
        assert (await client.picture(known)).html.startswith("<picture>img_6")


async def test_more_projects_than_one_have_to_be_told_apart(
    gateway: FakeGateway, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*arguments: object) -> Any:
        return ListProjectsResponse()

    monkeypatch.setattr(gateway, "_projects", none)
    assert isinstance(await refused(gateway, photo, project=""), InvalidField)


async def test_a_stream_without_an_end_does_not_fill_the_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return bytes(size)

    monkeypatch.setattr("picstore_client.sources.MAX_SPOOLED_BYTES", 5 * BLOCK_BYTES)
    with pytest.raises(InvalidArgument) as caught:
        async with opened(cast(BinaryIO, Endless())):
            pass
    assert caught.value.reason is Reason.LIMIT_BYTES
