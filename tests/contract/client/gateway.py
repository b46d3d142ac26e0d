"""A gateway and its store in a few lines, that fail as a test says and keep what they get."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from google.protobuf import json_format
from google.protobuf.message import Message

from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.image_service_pb2 import LookupImagesResponse
from picstore.catalog.v1.picture_pb2 import Picture
from picstore.catalog.v1.project_pb2 import ListProjectsResponse, Project
from picstore.upload.v1.upload_pb2 import PresignedRequest, Upload
from picstore_gateway.problems import problem
from picstore_kit.errors import Aborted, FailedPrecondition, NotFound, PicstoreError, Reason

BUSY = Aborted(Reason.UPLOAD_BUSY, "another call writes")


@dataclass(kw_only=True)
class Asked:
    """A request, as it came."""

    verb: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


@dataclass(kw_only=True)
class Kept:
    """An upload, and what has come of it."""

    upload: Upload
    request_id: str
    data: bytearray = field(default_factory=bytearray)
    parts: dict[int, bytes] = field(default_factory=dict)


class Lost(Exception):
    """The connection breaks."""


class FakeGateway:
    """What it is not told to do otherwise it does right."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.uploads: dict[str, Kept] = {}
        self.images: dict[str, bytes] = {}
        """The bytes of the pictures, by their ids."""
        self.known: list[Image] = []
        """What a lookup finds."""
        self.cuts: deque[int] = deque()
        """The connections of the next writes break after so many bytes of the body."""
        self.refusals: dict[str, deque[PicstoreError]] = {}
        """What the next requests of an operation are answered with, before they do anything."""
        self.lost: Counter[str] = Counter()
        """How many answers of an operation get lost, after it was done."""
        self.part_bytes = 100_000
        self.lost_parts: Counter[int] = Counter()
        """How often a part is taken, but not kept."""
        self.store_statuses: deque[int] = deque()
        """What the store answers next, keeping nothing."""
        self.claimed_size: int | None = None
        """What is said to be persisted, whatever is."""
        self.claimed_sha256 = ""
        """The hash that pictures are said to have."""
        self.by_request_id: dict[str, Image] = {}
        self.looked = asyncio.Event()
        """Whether somebody has asked how far an upload is."""
        self.url = ""

    def requests(self, verb: str, word: str = "") -> list[Asked]:
        """Return the requests that came with a verb, to paths with a word in them."""
        return [asked for asked in self.asked if asked.verb == verb and word in asked.path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            status, body, headers = await self._answer(reader)
            head = f"HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
            head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(head.encode() + b"\r\n" + body)
            await writer.drain()
        except (Lost, ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, bytes, dict[str, str]]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        verb, target, _ = head[0].split(" ")
        url = urlsplit(target)
        asked = Asked(
            verb=verb,
            path=url.path,
            query={name: values[0] for name, values in parse_qs(url.query).items()},
            headers={k.lower(): v.strip() for k, v in (h.split(":", 1) for h in head[1:] if h)},
        )
        self.asked.append(asked)
        operation, work = self._operation(asked)
        if operation == "get":
            self.looked.set()
        try:
            if queue := self.refusals.get(operation):
                await self._body(asked, reader)
                raise queue.popleft()
            answer = await work(asked, reader)
        except PicstoreError as error:
            response = problem(error)
            headers = {k: v for k, v in response.headers.items() if k != "content-length"}
            return response.status_code, bytes(response.body), headers
        if self.lost[operation]:
            self.lost[operation] -= 1
            raise Lost
        if isinstance(answer, int):
            return answer, b"<Error/>" if answer >= 400 else b"", {}
        return 200, json_format.MessageToJson(answer).encode(), {}

    def _operation(
        self, asked: Asked
    ) -> tuple[str, Callable[[Asked, asyncio.StreamReader], Awaitable[Message | int]]]:
        match asked.verb, asked.path.split("/")[1:]:
            case "PUT", ["store", _, _]:
                return "store", self._store
            case "POST", [_, _, "projects", _, "uploads"]:
                return "create", self._create
            case "GET", [_, _, "uploads", _]:
                return "get", self._get
            case "PATCH", [_, _, "uploads", _]:
                return "write", self._write
            case "DELETE", [_, _, "uploads", _]:
                return "delete", self._delete
            case "POST", [_, _, "uploads", name] if name.endswith(":complete"):
                return "complete", self._complete
            case "POST", [_, _, "projects", _, "quick_upload"]:
                return "quick", self._quick
            case "POST", [*_, name] if name.endswith(":lookup"):
                return "lookup", self._lookup
            case "GET", [_, _, "projects"]:
                return "projects", self._projects
            case "GET", [_, _, "images", _, "picture"]:
                return "picture", self._picture
            case "GET", [_, _, "images", _]:
                return "image", self._image
        raise AssertionError(f"nobody expects {asked.verb} {asked.path}")

    async def _body(self, asked: Asked, reader: asyncio.StreamReader) -> bytes:
        asked.body = await reader.readexactly(int(asked.headers.get("content-length", "0")))
        return asked.body

    def _kept(self, asked: Asked) -> Kept:
        upload_id = asked.path.split("/")[4].removesuffix(":complete")
        if upload_id not in self.uploads:
            raise NotFound.of("Upload", upload_id)
        return self.uploads[upload_id]

    def _said(self, kept: Kept, *, sign: bool = False) -> Upload:
        upload = Upload()
        upload.CopyFrom(kept.upload)
        upload.persisted_size = len(kept.data)
        if self.claimed_size is not None:
            upload.persisted_size = self.claimed_size
        if sign and upload.state == Upload.STATE_OPEN:
            size = upload.size_bytes
            step = self.part_bytes if upload.method == Upload.METHOD_MULTIPART else size
            for number, offset in enumerate(range(0, size, step), 1):
                if number not in kept.parts:
                    upload.requests.append(
                        PresignedRequest(
                            method="PUT",
                            url=f"{self.url}/store/{upload.id}/{number}?X-Amz-Signature=s",
                            headers={"Content-Type": "image/jpeg", "X-Amz-Meta-A": "b"},
                            part_number=number,
                            offset=offset,
                            size_bytes=min(step, size - offset),
                        )
                    )
        return upload

    def _made(self, data: bytes) -> Image:
        image_id = f"img_{len(self.images)}"
        self.images[image_id] = data
        sha256 = self.claimed_sha256 or hashlib.sha256(data).hexdigest()
        return Image(id=image_id, sha256=sha256, state=Image.STATE_CONVERTING)

    def _finish(self, kept: Kept) -> Image:
        upload = kept.upload
        if upload.state == Upload.STATE_EXPIRED:
            raise FailedPrecondition(Reason.UPLOAD_EXPIRED, "it is over")
        if upload.state == Upload.STATE_OPEN:
            data = bytes(kept.data) or b"".join(data for _, data in sorted(kept.parts.items()))
            if not data:
                raise FailedPrecondition(Reason.UPLOAD_OBJECT_MISSING, "nothing has come")
            if len(data) != upload.size_bytes:
                raise FailedPrecondition(Reason.UPLOAD_INCOMPLETE, "not all has come")
            if hashlib.sha256(data).hexdigest() != upload.sha256:
                upload.state = Upload.STATE_FAILED
                upload.failure_reason = "UPLOAD_DIGEST_WRONG"
                raise FailedPrecondition(Reason.UPLOAD_DIGEST_WRONG, "other bytes have come")
            upload.image.CopyFrom(self._made(data))
            upload.state = Upload.STATE_COMPLETED
        return upload.image

    async def _create(self, asked: Asked, reader: asyncio.StreamReader) -> Upload:
        upload = json_format.Parse(await self._body(asked, reader), Upload())
        request_id = asked.query["request_id"]
        if made := [kept for kept in self.uploads.values() if kept.request_id == request_id]:
            return self._said(made[0], sign=True)
        upload.id = f"upl_{len(self.uploads)}"
        upload.state = Upload.STATE_OPEN
        kept = self.uploads[upload.id] = Kept(upload=upload, request_id=request_id)
        return self._said(kept, sign=upload.method in (Upload.METHOD_PUT, Upload.METHOD_MULTIPART))

    async def _get(self, asked: Asked, reader: asyncio.StreamReader) -> Upload:
        return self._said(self._kept(asked), sign=asked.query.get("sign") == "true")

    async def _write(self, asked: Asked, reader: asyncio.StreamReader) -> Upload:
        kept = self._kept(asked)
        if kept.upload.state == Upload.STATE_EXPIRED:
            await self._body(asked, reader)
            raise FailedPrecondition(Reason.UPLOAD_EXPIRED, "it is over")
        assert asked.query["finish_when_whole"] == "true"
        if int(asked.query["write_offset"]) != len(kept.data):
            await self._body(asked, reader)
            raise Aborted(Reason.UPLOAD_OFFSET_WRONG, "elsewhere")
        left = int(asked.headers["content-length"])
        cut = self.cuts.popleft() if self.cuts else left
        if cut < left:
            kept.data += await reader.readexactly(cut)
            raise Lost
        kept.data += await self._body(asked, reader)
        self._finish(kept)
        return self._said(kept)

    async def _complete(self, asked: Asked, reader: asyncio.StreamReader) -> Image:
        await self._body(asked, reader)
        return self._finish(self._kept(asked))

    async def _delete(self, asked: Asked, reader: asyncio.StreamReader) -> int:
        self._kept(asked)
        del self.uploads[asked.path.split("/")[4]]
        return 204

    async def _quick(self, asked: Asked, reader: asyncio.StreamReader) -> Image:
        left = int(asked.headers["content-length"])
        cut = self.cuts.popleft() if self.cuts else left
        if cut < left:
            await reader.readexactly(cut)
            raise Lost
        data = await self._body(asked, reader)
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        assert asked.headers["content-digest"] == f"sha-256=:{digest}:"
        request_id = asked.query["request_id"]
        if request_id not in self.by_request_id:
            self.by_request_id[request_id] = self._made(data)
        return self.by_request_id[request_id]

    async def _store(self, asked: Asked, reader: asyncio.StreamReader) -> int:
        data = await self._body(asked, reader)
        if self.store_statuses:
            return self.store_statuses.popleft()
        upload_id, number = asked.path.split("/")[2:]
        if self.lost_parts[int(number)]:
            self.lost_parts[int(number)] -= 1
        else:
            self.uploads[upload_id].parts[int(number)] = data
        return 200

    async def _lookup(self, asked: Asked, reader: asyncio.StreamReader) -> LookupImagesResponse:
        await self._body(asked, reader)
        return LookupImagesResponse(images=self.known)

    async def _projects(self, asked: Asked, reader: asyncio.StreamReader) -> ListProjectsResponse:
        return ListProjectsResponse(projects=[Project(id="prj_1", short_name="website")])

    async def _image(self, asked: Asked, reader: asyncio.StreamReader) -> Image:
        image_id = asked.path.split("/")[4]
        return Image(id=image_id, project_id="prj_1", state=Image.STATE_READY, alt_text="A cat")

    async def _picture(self, asked: Asked, reader: asyncio.StreamReader) -> Picture:
        return Picture(html=f"<picture>{asked.path.split('/')[4]} {asked.query.get('sizes')}")


@asynccontextmanager
async def fake_gateway() -> AsyncIterator[FakeGateway]:
    """Serve until the block ends."""
    gateway = FakeGateway()
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        gateway.url = f"http://{host}:{port}"
        yield gateway
