"""`picstore upload` and `picstore uploads` in front of a gateway that fails as it is told."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import pytest

from picstore.catalog.v1.image_pb2 import Image
from picstore_kit.errors import AlreadyExists, InvalidArgument, PermissionDenied, Reason
from tests.contract.client.gateway import FakeGateway

FILE = random.Random(5).randbytes(700_000)


@dataclass(frozen=True, kw_only=True)
class Ended:
    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Shell:
    """Runs the command line, at home in a folder of its own."""

    gateway: FakeGateway
    folder: Path

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        kept = {name: text for name, text in os.environ.items() if "PICSTORE" not in name}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "picstore_cli.main", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.folder,
            env={
                **kept,
                "PICSTORE_URL": self.gateway.url,
                "PICSTORE_API_KEY": "ps_key",
                "PICSTORE_PROJECT": "prj_1",
                "PICSTORE_CONFIG": str(self.folder / "contexts.yaml"),
                "XDG_CACHE_HOME": str(self.folder / "cache"),
                "PYTHONWARNINGS": "error",
            },
        )

    async def run(self, *arguments: str, stdin: bytes = b"") -> Ended:
        process = await self.start(*arguments)
        out, err = await process.communicate(stdin)
        return Ended(code=process.returncode or 0, out=out.decode(), err=err.decode())


@pytest.fixture
def shell(gateway: FakeGateway, tmp_path: Path) -> Shell:
    (tmp_path / "dog.jpg").write_bytes(FILE)
    (tmp_path / "cat.jpg").write_bytes(FILE[::-1])
    return Shell(gateway=gateway, folder=tmp_path)


async def test_files_are_uploaded_and_told(shell: Shell, gateway: FakeGateway) -> None:
    done = await shell.run("upload", "dog.jpg", "cat.jpg", "--alt", "Pets", "--json", "--wait")
    assert done.code == 0, done.err
    assert sorted(gateway.images.values()) == sorted([FILE, FILE[::-1]])
    images = [json.loads(line) for line in done.out.splitlines()]
    assert {image["id"] for image in images} == set(gateway.images)
    assert {image["state"] for image in images} == {"STATE_READY"}
    assert "dog.jpg: uploading 700.0 kB" in done.err
    assert {asked.query["alt_text"] for asked in gateway.requests("POST", "quick_upload")} == {
        "Pets"
    }


async def test_standard_input_is_a_file_too(shell: Shell, gateway: FakeGateway) -> None:
    done = await shell.run("upload", "-", "--filename", "dog.jpg", stdin=FILE)
    assert done.code == 0, done.err
    assert list(gateway.images.values()) == [FILE]
    assert "stdin" in done.out
    assert "uploaded" in done.out
    (sent,) = gateway.requests("POST", "quick_upload")
    assert sent.query["filename"] == "dog.jpg"


async def test_an_upload_that_is_interrupted_goes_on_when_it_is_run_again(
    shell: Shell, gateway: FakeGateway
) -> None:
    denied = PermissionDenied(Reason.PERMISSION_MISSING, "not any more")
    gateway.cuts.append(500_000)
    gateway.refusals["get"] = deque([denied])
    done = await shell.run("upload", "dog.jpg", "--via", "resumable")
    assert done.code == 4
    assert "dog.jpg: not any more" in done.err

    again = await shell.run("upload", "dog.jpg", "--via", "resumable")
    assert again.code == 0, again.err
    assert list(gateway.images.values()) == [FILE]
    assert gateway.requests("PATCH")[-1].query["write_offset"] == "500000"
    assert list(shell.folder.glob("cache/picstore/uploads/*")) == []


async def test_whoever_wants_none_of_that_begins_anew(shell: Shell, gateway: FakeGateway) -> None:
    gateway.cuts.append(500_000)
    gateway.refusals["get"] = deque([PermissionDenied(Reason.PERMISSION_MISSING, "no")])
    await shell.run("upload", "dog.jpg", "--via", "resumable")
    done = await shell.run("upload", "dog.jpg", "--via", "resumable", "--no-resume")
    assert done.code == 0, done.err
    assert list(gateway.uploads) == ["upl_0", "upl_1"]


async def test_a_file_that_fails_is_told_and_the_others_are_uploaded(
    shell: Shell, gateway: FakeGateway
) -> None:
    done = await shell.run("upload", "nothing.jpg", "dog.jpg")
    assert done.code == 1
    assert "error: nothing.jpg: No such file" in done.err
    assert list(gateway.images.values()) == [FILE]


async def test_programs_are_told_which_file_failed(shell: Shell, gateway: FakeGateway) -> None:
    refusal = InvalidArgument(Reason.IMAGE_UNRECOGNISED, "no picture")
    gateway.refusals["quick"] = deque([refusal])
    done = await shell.run("upload", "dog.jpg", "--json")
    assert (done.code, done.out) == (2, "")
    error = json.loads(done.err.splitlines()[-1])["error"]
    assert (error["subject"], error["reason"]) == ("dog.jpg", "IMAGE_UNRECOGNISED")


async def test_a_duplicate_has_the_exit_code_of_a_conflict(
    shell: Shell, gateway: FakeGateway
) -> None:
    gateway.refusals["quick"] = deque([AlreadyExists(Reason.IMAGE_DUPLICATE, "there")])
    done = await shell.run("upload", "dog.jpg", "--on-duplicate", "refuse")
    assert done.code == 5
    assert gateway.asked[-1].query["on_duplicate"] == "ON_DUPLICATE_REFUSE"


async def test_what_is_there_is_not_sent(shell: Shell, gateway: FakeGateway) -> None:
    sha256 = hashlib.sha256(FILE).hexdigest()
    gateway.known = [Image(id="img_9", sha256=sha256, state=Image.STATE_READY)]
    done = await shell.run("upload", "dog.jpg")
    assert done.code == 0, done.err
    assert "img_9" in done.out
    assert "there already" in done.out
    assert not gateway.images


async def test_an_upload_is_shown_and_deleted(shell: Shell, gateway: FakeGateway) -> None:
    gateway.cuts.append(500_000)
    gateway.refusals["get"] = deque([PermissionDenied(Reason.PERMISSION_MISSING, "no")])
    await shell.run("upload", "dog.jpg", "--via", "resumable")
    shown = await shell.run("uploads", "show", "upl_0")
    assert "500.0 kB of 700.0 kB" in shown.out
    assert json.loads((await shell.run("uploads", "show", "upl_0", "--json")).out)["id"] == "upl_0"
    assert (await shell.run("uploads", "delete", "upl_0")).code == 2
    assert (await shell.run("uploads", "delete", "upl_0", "--yes")).code == 0
    assert not gateway.uploads
    assert (await shell.run("uploads", "show", "upl_0")).code == 3


async def test_one_picture_takes_one_file(shell: Shell, gateway: FakeGateway) -> None:
    done = await shell.run("upload", "dog.jpg", "cat.jpg", "--image", "img_1")
    assert done.code == 2
    assert not gateway.asked
