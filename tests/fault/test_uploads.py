"""The upload service is killed at every stage: an upload goes on afterwards, or leaves nothing."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from picstore.catalog.v1 import image_pb2
from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1 import upload_pb2
from picstore.upload.v1.upload_pb2_grpc import UploadServiceStub
from picstore_kit.errors import Code, PicstoreError
from picstore_kit.ids import ProjectId
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import BearerCredentials
from tests.pictures import photo
from tests.stack import LiveStack, eventually, live_stack

if TYPE_CHECKING:  # it exists for type checkers only
    from picstore.upload.v1.upload_pb2_grpc import UploadServiceAsyncStub

pytestmark = pytest.mark.timeout(300)

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where places to die at are armed."""
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, faults: Path) -> Iterator[LiveStack]:
    """Everything, with nothing that converts: what is looked at is what uploads leave."""
    directory = tmp_path_factory.mktemp("upload-faults") / "picstore"
    settings = {
        "PICSTORE_FAULTS__DIR": str(faults),
        "PICSTORE_LOCAL__CRASH_WINDOW_S": "0.1",  # it dies often here, and that is meant so
    }
    with live_stack(directory, **settings) as running:
        psutil.Process(running.pid("converter")).suspend()
        try:
            yield running
        finally:
            psutil.Process(running.pid("converter")).kill()


@pytest.fixture
def armed(stack: LiveStack, faults: Path) -> Callable[[str], None]:
    """Arms a point at which the upload service dies."""

    def arm(point: str) -> None:
        (faults / point).touch()

    return arm


@asynccontextmanager
async def uploads(stack: LiveStack) -> AsyncIterator[UploadServiceAsyncStub]:
    credentials = BearerCredentials(lambda: stack.api_key)
    async with open_channel(stack.targets()["upload"], credentials=credentials) as channel:
        yield UploadServiceStub(channel)


def picture(size: int, seed: str) -> bytes:
    data = photo(320, 240, seed=seed)
    return data + hashlib.shake_256(seed.encode()).digest(max(0, size - len(data)))


def chunks(data: bytes, offset: int = 0) -> Iterator[upload_pb2.Chunk]:
    for start in range(0, len(data), MIB):
        yield upload_pb2.Chunk(offset=offset + start, data=data[start : start + MIB])


def settle(stack: LiveStack) -> None:
    """Let the sweeper believe that everything that is dead has been for long."""

    def look() -> bool | None:
        with stack.database() as database:
            database.execute(
                "UPDATE upload.uploads SET lease_until = clock_timestamp() - interval '1 second'"
            )
            left = database.execute("SELECT count(*) FROM upload.uploads").fetchone()
        return True if left == (0,) else None

    eventually(look, "an empty journal")


def pictures(stack: LiveStack) -> set[str]:
    with stack.database() as database:
        rows = database.execute("SELECT image_id FROM catalog.originals").fetchall()
    return {image_id for (image_id,) in rows}


def dies_at(stack: LiveStack, send: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Do what kills the service, and wait until another process has taken its place."""
    old = stack.pid("upload")
    with pytest.raises(PicstoreError) as caught:
        asyncio.run(send())
    assert caught.value.code is Code.UNAVAILABLE
    eventually(lambda: stack.pid("upload") if stack.pid("upload") != old else None, "a new upload")
    stack.wait_ready()


@pytest.mark.parametrize(
    ("point", "size", "becomes_a_picture"),
    [
        ("upload.journalled", 50_000, False),
        ("upload.part", 20 * MIB, False),
        ("upload.stored", 50_000, False),
        ("upload.stored", 20 * MIB, False),
        ("upload.committing", 50_000, False),
        ("upload.committed", 50_000, True),
        ("upload.committed", 20 * MIB, True),
    ],
)
def test_an_upload_in_one_call_leaves_a_picture_or_nothing(
    stack: LiveStack,
    project_id: ProjectId,
    armed: Callable[[str], None],
    point: str,
    size: int,
    becomes_a_picture: bool,
) -> None:
    data = picture(size, f"{point}{size}")

    async def send() -> Image:
        def messages() -> Iterator[upload_pb2.QuickUploadRequest]:
            yield upload_pb2.QuickUploadRequest(
                header=upload_pb2.QuickUploadHeader(project_id=project_id)
            )
            for chunk in chunks(data):
                yield upload_pb2.QuickUploadRequest(chunk=chunk)
            yield upload_pb2.QuickUploadRequest(end=upload_pb2.End())

        async with uploads(stack) as service:
            return await service.QuickUpload(messages())

    before = pictures(stack)
    armed(point)
    dies_at(stack, send)
    settle(stack)
    made = pictures(stack) - before
    assert len(made) == becomes_a_picture
    assert stack.orphans() == []
    # And whoever was not told sends it again, and has it once.
    assert asyncio.run(send()).id in (made or pictures(stack) - before)
    assert len(pictures(stack) - before) == 1
    assert stack.orphans() == []


@pytest.mark.parametrize(
    "point",
    [
        "session.begun",
        "session.part",
        "session.tail",
        "session.completing",
        "session.stored",
        "session.checked",
        "session.committed",
        "session.ended",
    ],
)
@pytest.mark.parametrize("size", [50_000, 12 * MIB], ids=["small", "large"])
def test_an_upload_that_was_made_first_goes_on(
    stack: LiveStack,
    project_id: ProjectId,
    armed: Callable[[str], None],
    point: str,
    size: int,
) -> None:
    if size < MIB and point in ("session.begun", "session.part"):
        return  # so small a file has no parts
    data = picture(size, f"{point}{size}")

    async def create() -> str:
        async with uploads(stack) as service:
            upload = upload_pb2.Upload(project_id=project_id, size_bytes=len(data))
            request = upload_pb2.CreateUploadRequest(upload=upload)
            return (await service.CreateUpload(request)).id

    async def write(at: int) -> upload_pb2.Upload:
        def messages() -> Iterator[upload_pb2.WriteUploadRequest]:
            header = upload_pb2.WriteUploadHeader(upload_id=upload_id, write_offset=at)
            yield upload_pb2.WriteUploadRequest(header=header)
            for chunk in chunks(data[at:], at):
                yield upload_pb2.WriteUploadRequest(chunk=chunk)
            yield upload_pb2.WriteUploadRequest(finish=upload_pb2.Finish())

        async with uploads(stack) as service:
            return await service.WriteUpload(messages())

    async def state() -> upload_pb2.Upload:
        async with uploads(stack) as service:
            return await service.GetUpload(upload_pb2.GetUploadRequest(upload_id=upload_id))

    before = pictures(stack)
    upload_id = asyncio.run(create())
    armed(point)
    dies_at(stack, lambda: write(0))
    assert_goes_on(stack, state, write, before, data)


@pytest.mark.parametrize(
    "point",
    ["session.completing", "session.stored", "session.checked", "session.committed"],
)
@pytest.mark.parametrize("method", ["METHOD_PUT", "METHOD_MULTIPART"])
def test_a_presigned_upload_is_completed_afterwards(
    stack: LiveStack,
    project_id: ProjectId,
    armed: Callable[[str], None],
    point: str,
    method: str,
) -> None:
    data = picture(9 * MIB, f"{point}{method}")

    async def create() -> upload_pb2.Upload:
        async with uploads(stack) as service:
            upload = upload_pb2.Upload(
                project_id=project_id,
                size_bytes=len(data),
                method=upload_pb2.Upload.Method.Value(method),
            )
            return await service.CreateUpload(upload_pb2.CreateUploadRequest(upload=upload))

    async def complete() -> Image:
        async with uploads(stack) as service:
            request = upload_pb2.CompleteUploadRequest(upload_id=upload.id)
            return await service.CompleteUpload(request)

    before = pictures(stack)
    upload = asyncio.run(create())
    for request in upload.requests:
        piece = data[request.offset : request.offset + request.size_bytes]
        answer = httpx.put(request.url, content=piece, headers=dict(request.headers))
        assert answer.is_success
    armed(point)
    dies_at(stack, complete)

    def look() -> Image | None:
        try:
            return asyncio.run(complete())
        except PicstoreError as error:
            if error.code is not Code.ABORTED:  # the dead process's lease
                raise
            return None

    image = eventually(look, "a completion")
    assert pictures(stack) - before == {image.id}
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert stack.orphans() == []


def assert_goes_on(
    stack: LiveStack,
    state: Callable[[], Coroutine[Any, Any, upload_pb2.Upload]],
    write: Callable[[int], Coroutine[Any, Any, upload_pb2.Upload]],
    before: set[str],
    data: bytes,
) -> None:
    """The upload is complete, or can be completed from where it is; nothing is left over."""

    def look() -> Image | None:
        upload = asyncio.run(state())
        if upload.state == upload_pb2.Upload.STATE_COMPLETED:
            return upload.image
        assert upload.state == upload_pb2.Upload.STATE_OPEN
        try:
            return asyncio.run(write(upload.persisted_size)).image
        except PicstoreError as error:
            if error.code is not Code.ABORTED:  # the dead process's lease
                raise
            return None

    image = eventually(look, "the upload to go on")
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert pictures(stack) - before == {image.id}
    # What a process that died after the end did not clean up, the sweeper does.
    with stack.database() as database:
        database.execute(
            "UPDATE upload.sessions SET lease_until = NULL WHERE state <> 'OPEN' AND NOT cleaned"
        )
    eventually(lambda: True if stack.orphans() == [] else None, "nothing left over")
    assert image_pb2.Image.State.Name(image.state) == "STATE_CONVERTING"
