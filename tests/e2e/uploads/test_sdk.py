"""The SDK and the command line upload to a stack that is up, by every way there is."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
from pathlib import Path

import pytest

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1.upload_pb2 import GetUploadRequest
from picstore_client import OnDuplicate, UploadedImage, Via
from picstore_client.grpc_uploads import GRPCUploader
from picstore_client.methods import GET_UPLOAD
from picstore_client.remembering import recall
from picstore_client.uploading import MAX_QUICK_BYTES
from picstore_kit.errors import AlreadyExists, InvalidArgument, NotFound, Reason
from picstore_kit.ids import ProjectId
from tests.pictures import photo
from tests.stack import LiveStack

pytestmark = pytest.mark.timeout(180)

LARGE_BYTES = MAX_QUICK_BYTES + 1_000_000


@pytest.fixture
def large_photo(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A photo that does not go in one request; what follows the end of a JPEG is no part of it."""
    path = tmp_path / "large.jpg"
    data = photo(640, 480, seed=request.node.nodeid)
    path.write_bytes(data + bytes(LARGE_BYTES - len(data)))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("via", [Via.QUICK, Via.RESUMABLE, Via.PRESIGNED])
def test_a_file_becomes_a_picture_by_every_way(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path, via: Via
) -> None:
    async def work() -> UploadedImage:
        async with stack.client() as client:
            return await client.upload(fresh_photo, project=project_id, via=via, wait=True)

    uploaded = asyncio.run(work())
    assert not uploaded.known
    assert uploaded.image.state == Image.STATE_READY
    assert uploaded.image.sha256 == digest(fresh_photo)


def test_a_large_file_is_resumed_by_another_client_after_it_was_cancelled(
    stack: LiveStack, project_id: ProjectId, large_photo: Path, tmp_path: Path
) -> None:
    state = tmp_path / "upload.json"

    async def interrupted() -> None:
        async with stack.client() as client:
            sent = 0

            def interrupt(count: int) -> None:
                nonlocal sent
                sent += count
                if sent > LARGE_BYTES // 2:
                    work.cancel()

            work = asyncio.create_task(
                client.upload(large_photo, project=project_id, state=state, progress=interrupt)
            )
            with pytest.raises(asyncio.CancelledError):
                await work

    asyncio.run(interrupted())
    remembered = recall(state)
    assert remembered is not None

    async def resumed() -> UploadedImage:
        async with stack.client() as client:
            return await client.upload(large_photo, project=project_id, state=state, wait=True)

    uploaded = asyncio.run(resumed())
    assert uploaded.upload_id == remembered.upload_id
    assert uploaded.image.sha256 == digest(large_photo)
    assert not state.exists()


def test_an_upload_outlives_the_death_of_the_service(
    stack: LiveStack, project_id: ProjectId, large_photo: Path
) -> None:
    async def work() -> UploadedImage:
        killed = asyncio.Event()
        sent = 0

        def kill(count: int) -> None:
            nonlocal sent
            sent += count
            if sent > LARGE_BYTES // 2:
                killed.set()

        async def killer() -> None:
            await killed.wait()
            await asyncio.to_thread(stack.kill, "upload", signal.SIGKILL)

        async with stack.client() as client, asyncio.TaskGroup() as group:
            group.create_task(killer())
            upload = group.create_task(
                client.upload(large_photo, project=project_id, progress=kill)
            )
        return upload.result()

    uploaded = asyncio.run(work())
    stack.wait_ready()
    assert uploaded.image.sha256 == digest(large_photo)


def test_an_upload_that_is_given_up_is_gone(
    stack: LiveStack, project_id: ProjectId, large_photo: Path, tmp_path: Path
) -> None:
    state = tmp_path / "upload.json"

    async def work() -> None:
        def give_up(count: int) -> None:
            upload.cancel()

        async with stack.client() as client:
            upload = asyncio.create_task(
                client.upload(large_photo, project=project_id, state=state, progress=give_up)
            )
            with pytest.raises(asyncio.CancelledError):
                await upload
            remembered = recall(state)
            assert remembered is not None
            assert await client.abort_upload(state)
            with pytest.raises(NotFound):
                await client.call(GET_UPLOAD, GetUploadRequest(upload_id=remembered.upload_id))

    asyncio.run(work())


def test_the_same_bytes_are_known_made_again_or_refused(
    stack: LiveStack, project_id: ProjectId, fresh_photo: Path
) -> None:
    async def work() -> None:
        async with stack.client() as client:
            first = await client.upload(fresh_photo, project=project_id, wait=True)
            again = await client.upload(fresh_photo, project=project_id)
            assert (again.known, again.image.id) == (True, first.image.id)
            made = {first.image.id}
            for via in (Via.QUICK, Via.RESUMABLE, Via.PRESIGNED):
                sent = await client.upload(
                    fresh_photo, project=project_id, via=via, skip_known=False
                )
                assert not sent.known
                assert sent.image.id in made  # any of those that are there
                with pytest.raises(AlreadyExists) as caught:
                    await client.upload(
                        fresh_photo,
                        project=project_id,
                        via=via,
                        on_duplicate=OnDuplicate.REFUSE,
                    )
                assert caught.value.reason is Reason.IMAGE_DUPLICATE
                other = await client.upload(
                    fresh_photo, project=project_id, via=via, on_duplicate=OnDuplicate.CREATE
                )
                assert other.image.id not in made
                made.add(other.image.id)

    asyncio.run(work())


@pytest.mark.parametrize("via", [Via.QUICK, Via.RESUMABLE, Via.PRESIGNED])
def test_what_is_no_picture_is_refused_by_every_way(
    stack: LiveStack, project_id: ProjectId, via: Via
) -> None:
    async def work() -> None:
        async with stack.client() as client:
            await client.upload(b"no picture " * 1000, project=project_id, via=via)

    with pytest.raises(InvalidArgument) as caught:
        asyncio.run(work())
    assert caught.value.reason is Reason.IMAGE_UNRECOGNISED


def test_a_file_goes_over_grpc(stack: LiveStack, project_id: ProjectId, large_photo: Path) -> None:
    async def work() -> Image:
        async with GRPCUploader(stack.targets()["upload"], stack.api_key) as uploader:
            return await uploader.upload(large_photo, project_id=project_id)

    assert asyncio.run(work()).sha256 == digest(large_photo)


@pytest.mark.parametrize("via", ["auto", "resumable", "presigned"])
def test_the_command_line_uploads(
    stack: LiveStack, fresh_photo: Path, tmp_path: Path, via: str
) -> None:
    done = stack.picstore(
        *("upload", str(fresh_photo), "--via", via, "--wait", "--json"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    assert done.returncode == 0, done.stderr
    image = json.loads(done.stdout)
    assert (image["state"], image["sha256"]) == ("STATE_READY", digest(fresh_photo))
