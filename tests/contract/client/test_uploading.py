"""`PicStoreClient.upload` in front of a gateway that fails in every way it can."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.project_pb2 import ListProjectsResponse
from picstore.upload.v1.upload_pb2 import Upload
from picstore_client import OnDuplicate, PicStoreClient, UploadedImage, Via, presigned, uploading
from picstore_client.sources import BLOCK_BYTES, opened
from picstore_kit.errors import (
    AlreadyExists,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    InvalidField,
    PermissionDenied,
    PicstoreError,
    Reason,
    Unavailable,
)
from tests.contract.client.gateway import BUSY, FakeGateway, fake_gateway

FILE = random.Random(4).randbytes(1_000_000)
SHA256 = hashlib.sha256(FILE).hexdigest()
WAYS = [Via.QUICK, Via.RESUMABLE, Via.PRESIGNED]
NOT_NOW = Unavailable(Reason.STORAGE_UNAVAILABLE, "not now", retry_after=1.0)


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with fake_gateway() as gateway:
        yield gateway


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "dög.jpg"
    path.write_bytes(FILE)
    return path


async def upload(gateway: FakeGateway, content: Any, **settings: Any) -> UploadedImage:
    """Upload to the fake gateway, with little patience."""
    async with PicStoreClient(gateway.url, "ps_key") as client:
        return await client.upload(
            content, **{"project": "prj_1", "skip_known": False, "patience_s": 10.0, **settings}
        )


async def refused(gateway: FakeGateway, content: Any, **settings: Any) -> PicstoreError:
    with pytest.raises(PicstoreError) as caught:
        await upload(gateway, content, **settings)
    return caught.value


@contextmanager
def piped(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file in a pipe."""
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield cast(BinaryIO, process.stdout)


def only_picture(gateway: FakeGateway) -> bytes:
    (data,) = gateway.images.values()
    return data


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


async def test_a_connection_that_breaks_at_every_tenth_costs_only_what_was_under_way(
    gateway: FakeGateway, photo: Path
) -> None:
    gateway.cuts.extend([100_000] * 9)
    sent: list[int] = []
    await upload(gateway, photo, via=Via.RESUMABLE, progress=sent.append)
    assert only_picture(gateway) == FILE
    offsets = [int(asked.query["write_offset"]) for asked in gateway.requests("PATCH")]
    assert offsets == list(range(0, 1_000_000, 100_000))
    assert sum(sent) == len(FILE)


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(1, 3 * BLOCK_BYTES),
    cuts=st.lists(st.integers(0, BLOCK_BYTES), max_size=4),
    lost=st.lists(st.sampled_from(["create", "get", "write", "complete"]), max_size=3),
)
async def test_whatever_breaks_the_server_has_exactly_the_bytes(
    size: int, cuts: list[int], lost: list[str]
) -> None:
    async with fake_gateway() as gateway:
        gateway.cuts.extend(cuts)
        gateway.lost.update(lost)
        await upload(gateway, FILE[:size], via=Via.RESUMABLE)
        assert only_picture(gateway) == FILE[:size]
        assert len(gateway.uploads) == 1


@pytest.mark.parametrize("operation", ["create", "write"])
async def test_a_gateway_that_is_not_available_is_asked_again(
    gateway: FakeGateway, photo: Path, operation: str
) -> None:
    gateway.refusals[operation] = deque([NOT_NOW] * 5)
    await upload(gateway, photo, via=Via.RESUMABLE)
    assert only_picture(gateway) == FILE


async def test_an_upload_that_is_busy_is_waited_for(gateway: FakeGateway, photo: Path) -> None:
    gateway.refusals["write"] = deque([BUSY, BUSY])
    await upload(gateway, photo, via=Via.RESUMABLE)
    assert only_picture(gateway) == FILE
    assert len(gateway.requests("PATCH")) == 3


@pytest.mark.parametrize("via", WAYS)
async def test_a_last_answer_that_is_lost_costs_no_second_picture(
    gateway: FakeGateway, photo: Path, via: Via
) -> None:
    gateway.lost.update(["quick", "write", "complete"])
    uploaded = await upload(gateway, photo, via=via)
    assert list(gateway.images) == [uploaded.image.id]
    assert len(gateway.requests("PATCH")) == (via is Via.RESUMABLE)


async def test_a_quick_upload_that_breaks_off_is_sent_again_from_its_begin(
    gateway: FakeGateway, photo: Path
) -> None:
    gateway.cuts.append(300_000)
    sent: list[int] = []
    await upload(gateway, photo, via=Via.QUICK, progress=sent.append)
    assert only_picture(gateway) == FILE
    assert sum(sent) == len(FILE)
    first, second = gateway.requests("POST")
    assert first.query["request_id"] == second.query["request_id"]


async def test_an_upload_that_expires_is_made_once_more(gateway: FakeGateway, photo: Path) -> None:
    gateway.cuts.append(400_000)

    def expire(count: int) -> None:
        if "upl_0" in gateway.uploads and gateway.uploads["upl_0"].data:
            gateway.uploads["upl_0"].upload.state = Upload.STATE_EXPIRED

    await upload(gateway, photo, via=Via.RESUMABLE, progress=expire)
    assert only_picture(gateway) == FILE
    assert set(gateway.uploads) == {"upl_0", "upl_1"}


async def test_uploads_that_expire_one_after_the_other_end(
    gateway: FakeGateway, photo: Path
) -> None:
    def expire(count: int) -> None:
        for kept in gateway.uploads.values():
            kept.upload.state = Upload.STATE_EXPIRED

    gateway.cuts.extend([400_000] * 3)
    error = await refused(gateway, photo, via=Via.RESUMABLE, progress=expire)
    assert error.reason is Reason.UPLOAD_EXPIRED
    assert len(gateway.uploads) == 3


async def test_more_bytes_than_the_file_has_are_not_believed(
    gateway: FakeGateway, photo: Path
) -> None:
    gateway.claimed_size = len(FILE) + 1
    error = await refused(gateway, photo, via=Via.RESUMABLE)
    assert (type(error), error.reason) == (FailedPrecondition, Reason.UPLOAD_OFFSET_WRONG)
    assert not gateway.images


@pytest.mark.parametrize("via", WAYS)
async def test_a_picture_of_other_bytes_is_not_believed(
    gateway: FakeGateway, photo: Path, via: Via
) -> None:
    gateway.claimed_sha256 = "00" * 32
    error = await refused(gateway, photo, via=via)
    assert (type(error), error.reason) == (FailedPrecondition, Reason.UPLOAD_DIGEST_WRONG)
    assert error.metadata == {"expected": SHA256, "received": "00" * 32}


@pytest.mark.parametrize("via", WAYS)
async def test_patience_ends(gateway: FakeGateway, photo: Path, via: Via) -> None:
    for operation in ("quick", "write", "complete"):
        gateway.refusals[operation] = deque([NOT_NOW] * 9)
    error = await refused(gateway, photo, via=via, patience_s=1.5)
    assert error.reason is Reason.STORAGE_UNAVAILABLE
    assert not gateway.images


async def test_what_pic_store_cannot_do_is_not_asked_for_ever(
    gateway: FakeGateway, photo: Path
) -> None:
    gateway.refusals["quick"] = deque([Internal.incident("x")] * 9)
    assert isinstance(await refused(gateway, photo), Internal)
    assert len(gateway.asked) == 4


@pytest.mark.parametrize("via", [Via.QUICK, Via.RESUMABLE])
async def test_a_refusal_is_final(gateway: FakeGateway, photo: Path, via: Via) -> None:
    refusal = InvalidArgument(Reason.IMAGE_UNRECOGNISED, "no picture")
    for operation in ("quick", "write"):
        gateway.refusals[operation] = deque([refusal])
    assert (await refused(gateway, photo, via=via)).reason is Reason.IMAGE_UNRECOGNISED


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


async def test_an_interrupted_upload_goes_on_in_another_process(
    gateway: FakeGateway, photo: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state" / "upload.json"
    gateway.cuts.append(600_000)
    gateway.refusals["get"] = deque([NOT_NOW])
    work = asyncio.create_task(upload(gateway, photo, via=Via.RESUMABLE, state=state))
    await gateway.looked.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert state.stat().st_mode & 0o077 == 0

    await upload(gateway, photo, via=Via.RESUMABLE, state=state)
    assert only_picture(gateway) == FILE
    assert list(gateway.uploads) == ["upl_0"]
    assert gateway.requests("PATCH")[-1].query["write_offset"] == "600000"
    assert not state.exists()


async def remembered(gateway: FakeGateway, photo: Path, state: Path) -> None:
    """Leave an upload of the photo behind."""
    gateway.cuts.append(600_000)
    gateway.refusals["get"] = deque([NOT_NOW] * 9)
    await refused(gateway, photo, via=Via.RESUMABLE, state=state, patience_s=0.5)
    del gateway.refusals["get"]


async def test_what_is_remembered_of_another_file_is_not_taken(
    gateway: FakeGateway, photo: Path, tmp_path: Path
) -> None:
    state = tmp_path / "upload.json"
    await remembered(gateway, photo, state)
    await upload(gateway, FILE[::-1], via=Via.RESUMABLE, state=state)
    assert only_picture(gateway) == FILE[::-1]
    assert list(gateway.uploads) == ["upl_0", "upl_1"]


@pytest.mark.parametrize("change", ["gone", "expired", "failed", "unreadable"])
async def test_what_can_become_no_picture_is_made_anew(
    gateway: FakeGateway, photo: Path, tmp_path: Path, change: str
) -> None:
    state = tmp_path / "upload.json"
    await remembered(gateway, photo, state)
    if change == "gone":
        gateway.uploads["upl_9"] = gateway.uploads.pop("upl_0")
    elif change == "expired":
        gateway.uploads["upl_0"].upload.state = Upload.STATE_EXPIRED
    elif change == "failed":
        gateway.uploads["upl_0"].upload.state = Upload.STATE_FAILED
    else:
        state.write_text("{")
    await upload(gateway, photo, via=Via.RESUMABLE, state=state)
    assert only_picture(gateway) == FILE
    assert len(gateway.uploads) == 2


async def test_an_upload_that_is_given_up_is_deleted(
    gateway: FakeGateway, photo: Path, tmp_path: Path
) -> None:
    state = tmp_path / "upload.json"
    await remembered(gateway, photo, state)
    async with PicStoreClient(gateway.url, "ps_key") as client:
        assert await client.abort_upload(state)
        assert not await client.abort_upload(state)
    assert not gateway.uploads
    assert not state.exists()


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presigned, "MAX_PUT_BYTES", len(FILE) - 1)


async def test_the_store_gets_what_was_signed_and_never_the_credential(
    gateway: FakeGateway, photo: Path
) -> None:
    await upload(gateway, photo, via=Via.PRESIGNED)
    (put,) = gateway.requests("PUT")
    assert "authorization" not in put.headers
    assert (put.headers["content-type"], put.headers["x-amz-meta-a"]) == ("image/jpeg", "b")
    assert put.headers["content-length"] == str(len(FILE))
    assert "transfer-encoding" not in put.headers
    assert gateway.requests("POST", ":complete")[0].headers["authorization"] == "Bearer ps_key"


@pytest.mark.usefixtures("in_parts")
async def test_a_large_file_goes_in_parts_and_only_lost_ones_are_sent_again(
    gateway: FakeGateway, photo: Path
) -> None:
    gateway.lost_parts.update({3: 1, 7: 2})
    sent: list[int] = []
    await upload(gateway, photo, via=Via.PRESIGNED, progress=sent.append)
    assert only_picture(gateway) == FILE
    numbers = [int(asked.path.rpartition("/")[2]) for asked in gateway.requests("PUT")]
    assert sorted(numbers) == sorted([*range(1, 11), 3, 7, 7])
    assert sum(sent) == len(FILE)


@pytest.mark.usefixtures("in_parts")
async def test_a_store_that_stumbles_is_asked_again_with_fresh_signatures(
    gateway: FakeGateway, photo: Path
) -> None:
    gateway.store_statuses.extend([503, 403, 500])
    gateway.lost["store"] = 1
    await upload(gateway, photo, via=Via.PRESIGNED)
    assert only_picture(gateway) == FILE
    assert gateway.requests("GET")[0].query == {"sign": "true"}


async def test_a_store_that_refuses_everything_is_told_without_the_url(
    gateway: FakeGateway, photo: Path
) -> None:
    gateway.store_statuses.extend([403] * 9)
    error = await refused(gateway, photo, via=Via.PRESIGNED)
    assert error.reason is Reason.STORAGE_DENIED
    assert error.metadata == {"status": "403"}
    assert "Signature" not in error.message
    assert len(gateway.requests("PUT")) == 3


async def test_a_store_without_presigned_requests_is_told(
    gateway: FakeGateway, photo: Path
) -> None:
    error = FailedPrecondition(Reason.PRESIGN_UNSUPPORTED, "only through Pic Store")
    gateway.refusals["create"] = deque([error])
    told = await refused(gateway, photo, via=Via.PRESIGNED)
    assert told.reason is Reason.PRESIGN_UNSUPPORTED


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
