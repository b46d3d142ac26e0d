"""Every way to send a picture to a live stack, timed."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

import httpx

from picstore.upload.v1 import upload_pb2
from picstore.upload.v1.upload_pb2_grpc import UploadServiceStub
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import BearerCredentials
from tests.perf.ingest_file import BenchFile
from tests.perf.web import WebServer
from tests.stack import LiveStack

if TYPE_CHECKING:  # it exists for type checkers only
    from picstore.upload.v1.upload_pb2_grpc import UploadServiceAsyncStub

T = TypeVar("T")

_BUCKET: Final = "bench-plain"
_PARTS_AT_ONCE: Final = 3
_TUS: Final = {"tus-resumable": "1.0.0"}


@dataclass
class Ways:
    """Clients of one stack; each way returns the seconds until the last byte was accepted.

    For ways that end in one call that is the whole call, checks and commit and all. Where
    completing is a call of its own, its time is kept in `completions`.
    """

    stack: LiveStack
    project_id: str
    http: httpx.AsyncClient
    outside: httpx.AsyncClient
    """Without our credential, for the store."""
    uploads: UploadServiceAsyncStub
    web: WebServer
    completions: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def by_name(self) -> Mapping[str, Callable[[BenchFile], Awaitable[float]]]:
        """Return every way but the plain PUT."""
        return {
            "gRPC stream": self.grpc_stream,
            "HTTP body": self.http_body,
            "HTTP form": self.http_form,
            "gRPC resumable": self.grpc_resumable,
            "tus": self.tus,
            "import by URL": self.import_url,
            "presigned PUT": self.presigned_put,
            "presigned parts": self.presigned_parts,
        }

    async def plain_put(self, file: BenchFile) -> float:
        """Put the bytes into a bucket, past Pic Store."""
        url = self.stack.store().get_presigned_url(
            "PUT", _BUCKET, f"file-{file.number}", expires=timedelta(minutes=10)
        )
        return await self._put(url, {"content-length": str(file.size)}, file)

    async def grpc_stream(self, file: BenchFile) -> float:
        def messages() -> Iterator[upload_pb2.QuickUploadRequest]:
            yield upload_pb2.QuickUploadRequest(
                header=upload_pb2.QuickUploadHeader(
                    project_id=self.project_id, size_bytes=file.size
                )
            )
            for chunk in _chunks(file):
                yield upload_pb2.QuickUploadRequest(chunk=chunk)
            yield upload_pb2.QuickUploadRequest(end=upload_pb2.End())

        began = time.monotonic()
        await self.uploads.QuickUpload(_aiter(messages()), timeout=600)
        return time.monotonic() - began

    async def http_body(self, file: BenchFile) -> float:
        began = time.monotonic()
        answer = await self.http.post(
            f"/api/v1/projects/{self.project_id}/quick_upload",
            content=_aiter(file.blocks()),
            headers={"content-length": str(file.size)},
        )
        _accepted(answer)
        return time.monotonic() - began

    async def http_form(self, file: BenchFile) -> float:
        head = (
            b'--bench\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
            b"Content-Type: image/jpeg\r\n\r\n"
        )
        tail = b"\r\n--bench--\r\n"

        async def body() -> AsyncIterator[bytes]:
            yield head
            for block in file.blocks():
                yield block
            yield tail

        began = time.monotonic()
        answer = await self.http.post(
            f"/api/v1/projects/{self.project_id}/quick_upload",
            content=body(),
            headers={
                "content-type": "multipart/form-data; boundary=bench",
                "content-length": str(len(head) + file.size + len(tail)),
            },
        )
        _accepted(answer)
        return time.monotonic() - began

    async def grpc_resumable(self, file: BenchFile) -> float:
        began = time.monotonic()
        upload = await self._create(file, upload_pb2.Upload.METHOD_RESUMABLE)

        def messages() -> Iterator[upload_pb2.WriteUploadRequest]:
            yield upload_pb2.WriteUploadRequest(
                header=upload_pb2.WriteUploadHeader(upload_id=upload.id)
            )
            for chunk in _chunks(file):
                yield upload_pb2.WriteUploadRequest(chunk=chunk)
            yield upload_pb2.WriteUploadRequest(finish=upload_pb2.Finish())

        await self.uploads.WriteUpload(_aiter(messages()), timeout=600)
        return time.monotonic() - began

    async def tus(self, file: BenchFile) -> float:
        began = time.monotonic()
        made = await self.http.post(
            f"/files/?project={self.project_id}",
            headers={**_TUS, "upload-length": str(file.size)},
        )
        _accepted(made)
        answer = await self.http.patch(
            made.headers["location"],
            content=_aiter(file.blocks()),
            headers={
                **_TUS,
                "upload-offset": "0",
                "content-type": "application/offset+octet-stream",
                "content-length": str(file.size),
            },
        )
        _accepted(answer)
        assert answer.headers["picstore-image"]
        return time.monotonic() - began

    async def import_url(self, file: BenchFile) -> float:
        began = time.monotonic()
        answer = await self.http.post(
            f"/api/v1/projects/{self.project_id}/import_jobs",
            json={"url": {"url": self.web.url(file)}},
        )
        _accepted(answer)
        path = f"/api/v1/import_jobs/{answer.json()['id']}"
        while True:
            job = (await self.http.get(path)).json()
            if job["state"] not in ("STATE_QUEUED", "STATE_RUNNING"):
                break
            await asyncio.sleep(0.02)
        assert job["imported_count"] == "1", job
        return time.monotonic() - began

    async def presigned_put(self, file: BenchFile) -> float:
        began = time.monotonic()
        upload = await self._create(file, upload_pb2.Upload.METHOD_PUT)
        (request,) = upload.requests
        await self._put(request.url, dict(request.headers), file)
        taken = time.monotonic() - began
        await self._complete("presigned PUT", upload.id)
        return taken

    async def presigned_parts(self, file: BenchFile) -> float:
        began = time.monotonic()
        upload = await self._create(file, upload_pb2.Upload.METHOD_MULTIPART)
        places = asyncio.Semaphore(_PARTS_AT_ONCE)

        async def send(request: upload_pb2.PresignedRequest) -> None:
            async with places:
                end = request.offset + request.size_bytes
                _accepted(
                    await self.outside.put(
                        request.url,
                        content=_aiter(file.blocks(request.offset, end)),
                        headers=dict(request.headers),
                    )
                )

        async with asyncio.TaskGroup() as group:
            for request in upload.requests:
                group.create_task(send(request))
        taken = time.monotonic() - began
        await self._complete("presigned parts", upload.id)
        return taken

    async def forget(self) -> None:
        """Remove all that was stored, so that the disk does not fill up with rounds."""

        def remove() -> None:
            store = self.stack.store()
            for bucket in (_BUCKET, "picstore-originals"):
                for item in store.list_objects(bucket, recursive=True):
                    store.remove_object(bucket, item.object_name or "")

        await asyncio.to_thread(remove)

    async def _create(
        self, file: BenchFile, method: upload_pb2.Upload.Method.ValueType
    ) -> upload_pb2.Upload:
        upload = upload_pb2.Upload(project_id=self.project_id, size_bytes=file.size, method=method)
        return await self.uploads.CreateUpload(upload_pb2.CreateUploadRequest(upload=upload))

    async def _complete(self, way: str, upload_id: str) -> None:
        began = time.monotonic()
        request = upload_pb2.CompleteUploadRequest(upload_id=upload_id)
        await self.uploads.CompleteUpload(request, timeout=300)
        self.completions[way].append(time.monotonic() - began)

    async def _put(self, url: str, headers: Mapping[str, str], file: BenchFile) -> float:
        began = time.monotonic()
        answer = await self.outside.put(url, content=_aiter(file.blocks()), headers=dict(headers))
        _accepted(answer)
        return time.monotonic() - began


@asynccontextmanager
async def open_ways(stack: LiveStack) -> AsyncIterator[Ways]:
    """Open the clients of a stack."""
    stack.store().make_bucket(_BUCKET)
    with stack.http() as http:
        project_id = http.get("/api/v1/projects").json()["projects"][0]["id"]
    async with (
        httpx.AsyncClient(
            base_url=stack.gateway,
            headers={"authorization": f"Bearer {stack.api_key}"},
            timeout=600,
        ) as http_client,
        httpx.AsyncClient(timeout=600) as outside,
        open_channel(
            stack.targets()["upload"], credentials=BearerCredentials(lambda: stack.api_key)
        ) as channel,
        WebServer() as web,
    ):
        yield Ways(
            stack=stack,
            project_id=project_id,
            http=http_client,
            outside=outside,
            uploads=UploadServiceStub(channel),
            web=web,
        )


def _chunks(file: BenchFile) -> Iterator[upload_pb2.Chunk]:
    offset = 0
    for block in file.blocks():
        yield upload_pb2.Chunk(offset=offset, data=block)
        offset += len(block)


async def _aiter(things: Iterator[T]) -> AsyncIterator[T]:
    for thing in things:
        yield thing


def _accepted(answer: httpx.Response) -> None:
    with suppress(UnicodeDecodeError):
        assert answer.is_success, f"{answer.status_code} {answer.text[:300]}"
