"""Every way to send a picture to a live stack, each as its users would, behind one call."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from picstore_client import OnDuplicate, Via
from picstore_client.grpc_uploads import GRPCUploader
from picstore_kit.errors import PicstoreError
from tests.fake_http import Answer, fake_http
from tests.importing import begin, ended, fill_location, items_of
from tests.stack import LiveStack


class Refused(Exception):
    """Pic Store does not take the file."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What is sent, and what is said of it."""

    data: bytes
    content_type: str = ""
    filename: str = "photo.jpg"
    on_duplicate: str = "return_existing"

    @property
    def enum(self) -> str:
        """The name that the contract has for what becomes of duplicates."""
        return f"ON_DUPLICATE_{self.on_duplicate.upper()}"


Way = Callable[[LiveStack, str, File], str]
"""Sends a file to a project, and returns the picture's id or raises `Refused`."""


def body(stack: LiveStack, project_id: str, file: File) -> str:
    with stack.http() as http:
        answer = http.post(
            f"/api/v1/projects/{project_id}/quick_upload",
            params={"filename": file.filename, "on_duplicate": file.on_duplicate},
            content=file.data,
            headers=_typed(file),
        )
    return _id(answer)


def form(stack: LiveStack, project_id: str, file: File) -> str:
    part = (file.filename, file.data, file.content_type or "application/octet-stream")
    with stack.http() as http:
        answer = http.post(
            f"/api/v1/projects/{project_id}/quick_upload",
            params={"on_duplicate": file.on_duplicate},
            files={"file": part},
        )
    return _id(answer)


def two_steps(stack: LiveStack, project_id: str, file: File) -> str:
    with stack.http() as http:
        made = http.post(
            f"/api/v1/projects/{project_id}/images", json={"filename": file.filename}
        ).json()
        answer = http.post(
            f"/api/v1/images/{made['id']}/upload",
            params={"on_duplicate": file.on_duplicate},
            content=file.data,
            headers=_typed(file),
        )
    return _id(answer)


def patches(stack: LiveStack, project_id: str, file: File) -> str:
    """In three pieces, and a completion of its own."""
    with stack.http() as http:
        upload = _upload(http, project_id, file, "METHOD_RESUMABLE")
        path = f"/api/v1/uploads/{upload['id']}"
        at, third = 0, len(file.data) // 3 + 1
        while at < len(file.data):
            piece = file.data[at : at + third]
            answer = http.patch(path, params={"write_offset": at}, content=piece)
            _checked(answer)
            at = int(answer.json()["persisted_size"])
        return _id(http.post(f"{path}:complete", json={}))


def tus(stack: LiveStack, project_id: str, file: File) -> str:
    """By hand; clients that others have written are in `test_tus_client`."""
    said = {
        "project": project_id,
        "filename": file.filename,
        "on_duplicate": file.on_duplicate,
        **({"filetype": file.content_type} if file.content_type else {}),
    }
    metadata = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in said.items())
    common = {"tus-resumable": "1.0.0"}
    with stack.http() as http:
        made = http.post(
            "/files/",
            headers={**common, "upload-length": str(len(file.data)), "upload-metadata": metadata},
        )
        _checked(made)
        half = len(file.data) // 2
        for at, piece in ((0, file.data[:half]), (half, file.data[half:])):
            answer = http.patch(
                made.headers["location"],
                content=piece,
                headers={
                    **common,
                    "upload-offset": str(at),
                    "content-type": "application/offset+octet-stream",
                },
            )
            _checked(answer)
        return answer.headers["picstore-image"]


def presigned(method: str) -> Way:
    def send(stack: LiveStack, project_id: str, file: File) -> str:
        with stack.http() as http, httpx.Client(timeout=60) as outside:
            upload = _upload(http, project_id, file, method)
            for request in upload["requests"]:
                if request["method"] == "POST":
                    answer = outside.post(
                        request["url"], data=request["fields"], files={"file": file.data}
                    )
                else:
                    start = int(request["offset"])
                    answer = outside.put(
                        request["url"],
                        content=file.data[start : start + int(request["size_bytes"])],
                        headers=request["headers"],
                    )
                assert answer.is_success, answer.text
            return _id(http.post(f"/api/v1/uploads/{upload['id']}:complete", json={}))

    return send


def import_url(stack: LiveStack, project_id: str, file: File) -> str:
    with fake_http(lambda asked: Answer(body=file.data, headers=_typed(file))) as server:
        job = {
            "url": {"url": f"{server.url}/{file.filename}"},
            "on_duplicate": file.enum,
        }
        return _imported(stack, ended(stack, begin(stack, project_id, job)))


def import_bucket(stack: LiveStack, project_id: str, file: File) -> str:
    location_id = fill_location(stack, {f"old/{file.filename}": file.data})
    job = {
        "bucket": {"storage_location_id": location_id, "prefix": "old/"},
        "on_duplicate": file.enum,
    }
    return _imported(stack, ended(stack, begin(stack, project_id, job)))


def sdk(via: Via) -> Way:
    def send(stack: LiveStack, project_id: str, file: File) -> str:
        async def upload() -> str:
            async with stack.client() as client:
                done = await client.upload(
                    file.data,
                    project=project_id,
                    filename=file.filename,
                    content_type=file.content_type,
                    on_duplicate=OnDuplicate(file.on_duplicate),
                    via=via,
                )
            return done.image.id

        return _run(upload())

    return send


def grpc(stack: LiveStack, project_id: str, file: File) -> str:
    async def upload() -> str:
        async with GRPCUploader(stack.targets()["upload"], stack.api_key) as uploader:
            done = await uploader.upload(
                file.data,
                project_id=project_id,
                filename=file.filename,
                content_type=file.content_type,
                on_duplicate=OnDuplicate(file.on_duplicate),
            )
        return done.id

    return _run(upload())


def command_line(stack: LiveStack, project_id: str, file: File) -> str:
    folder = stack.data_dir.parent / uuid4().hex
    folder.mkdir()
    path = folder / file.filename
    path.write_bytes(file.data)
    done = stack.picstore(
        *("upload", str(path), "--project", project_id, "--on-duplicate", file.on_duplicate),
        "--json",
        PICSTORE_URL=stack.gateway,
        PICSTORE_API_KEY=stack.api_key,
    )
    if done.returncode:
        raise Refused(json.loads(done.stderr.splitlines()[-1])["error"]["reason"])
    return str(json.loads(done.stdout)["id"])


WAYS: Mapping[str, Way] = {
    "HTTP body": body,
    "HTTP form": form,
    "two steps": two_steps,
    "PATCH": patches,
    "tus": tus,
    "presigned PUT": presigned("METHOD_PUT"),
    "presigned form": presigned("METHOD_POST"),
    "presigned parts": presigned("METHOD_MULTIPART"),
    "import by URL": import_url,
    "import from a bucket": import_bucket,
    "SDK, quick": sdk(Via.QUICK),
    "SDK, resumable": sdk(Via.RESUMABLE),
    "SDK, presigned": sdk(Via.PRESIGNED),
    "gRPC": grpc,
    "command line": command_line,
}
"""All of them, as a user meets them."""


def _upload(http: httpx.Client, project_id: str, file: File, method: str) -> dict[str, Any]:
    answer = http.post(
        f"/api/v1/projects/{project_id}/uploads",
        json={
            "filename": file.filename,
            "content_type": file.content_type,
            "size_bytes": str(len(file.data)),
            "on_duplicate": file.enum,
            "method": method,
        },
    )
    _checked(answer)
    made: dict[str, Any] = answer.json()
    return made


def _typed(file: File) -> dict[str, str]:
    return {"content-type": file.content_type} if file.content_type else {}


def _checked(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    assert answer.is_client_error, answer.text
    raise Refused(answer.json()["reason"])


def _id(answer: httpx.Response) -> str:
    _checked(answer)
    return str(answer.json()["id"])


def _imported(stack: LiveStack, job: Mapping[str, Any]) -> str:
    (item,) = items_of(stack, job["id"])
    if item["state"] not in ("STATE_IMPORTED", "STATE_DUPLICATE") or item.get("reason"):
        raise Refused(item["reason"])
    return str(item["image_id"])


def _run(upload: Coroutine[Any, Any, str]) -> str:
    try:
        return asyncio.run(upload)
    except PicstoreError as error:
        raise Refused(error.reason.value) from error
