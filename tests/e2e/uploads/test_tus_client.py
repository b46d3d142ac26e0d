"""Clients of tus that others have written, on the whole stack: tus-js-client and Uppy."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from picstore_kit.ids import ProjectId
from tests.e2e.uploads.breaking_proxy import BreakingProxy
from tests.stack import LiveStack
from tests.tus_client import Client, running

pytestmark = pytest.mark.timeout(240)

Run = Callable[..., AbstractContextManager[Client]]
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of 12 MB: noise, which PNG cannot make smaller."""
    path = tmp_path_factory.mktemp("large") / "noise.png"
    noise = random.Random("tus").randbytes(2000 * 2000 * 3)
    Image.frombytes("RGB", (2000, 2000), noise).save(path, compress_level=0)
    assert path.stat().st_size > 12_000_000
    return path


@pytest.fixture
def tus(stack: LiveStack, project_id: ProjectId, large: Path, tmp_path: Path) -> Run:
    """Run tus-js-client; what is given goes before what is usual."""

    def run(
        *, path: Path = large, server: str = stack.gateway, key: str = stack.api_key, **options: Any
    ) -> AbstractContextManager[Client]:
        usual = {
            "endpoint": f"{server}/files/?project={project_id}",
            "headers": {"Authorization": f"Bearer {key}"} if key else {},
            "metadata": {"filename": path.name, "filetype": "image/png"},
            "retryDelays": [100, 500, 1000, 2000, 4000, 8000, 8000, 8000],
        }
        return running("tus.mjs", tmp_path / "job", path=str(path), options={**usual, **options})

    return run


def check_picture(stack: LiveStack, image_id: str, path: Path) -> dict[str, Any]:
    """See that the picture has been made of exactly the file."""
    with stack.http() as http:
        image: dict[str, Any] = http.get(f"/api/v1/images/{image_id}").json()
    assert image["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert int(image["size_bytes"]) == path.stat().st_size
    return image


def answers(client: Client, method: str) -> list[int]:
    """Return the statuses of the answers to a method."""
    return [e["status"] for e in client.events if e.get("method") == method]


def test_a_large_picture_in_one_go(stack: LiveStack, tus: Run, large: Path) -> None:
    with tus() as client:
        done = client.outcome()

    assert done["event"] == "success", done
    assert (answers(client, "POST"), answers(client, "PATCH")) == ([201], [204])
    check_picture(stack, done["image"], large)


@pytest.mark.parametrize(
    "options",
    [{}, {"uploadDataDuringCreation": True}, {"overridePatchMethod": True}],
    ids=["plain", "bytes with the creation", "only POST"],
)
def test_in_pieces(stack: LiveStack, tus: Run, large: Path, options: dict[str, bool]) -> None:
    with tus(chunkSize=5 * MIB, **options) as client:
        done = client.outcome()

    assert done["event"] == "success", done
    accepted = [event["accepted"] for event in client.events if event["event"] == "accepted"]
    assert accepted == [5 * MIB, 10 * MIB, large.stat().st_size]
    check_picture(stack, done["image"], large)


def test_in_parts_at_once(stack: LiveStack, tus: Run, large: Path) -> None:
    with tus(parallelUploads=2) as client:
        done = client.outcome()

    assert done["event"] == "success", done
    assert answers(client, "POST") == [201, 201, 201]
    assert check_picture(stack, done["image"], large)["filename"] == large.name


def test_after_a_broken_connection_it_goes_on_from_what_has_come(
    stack: LiveStack, tus: Run, large: Path
) -> None:
    # Who asks at once is told of what had been stored by then, and sends more again than needed.
    delays = [2000, 1000, 2000, 4000, 8000, 8000]
    proxy = BreakingProxy(stack.gateway, hold_at=6 * MIB)
    with proxy.listening(), tus(server=proxy.url, retryDelays=delays) as client:
        proxy.wait_held()
        proxy.break_off()
        done = client.outcome()

    assert done["event"] == "success", done
    looks = [e for e in client.events if e.get("method") == "HEAD" and e["status"] == 200]
    assert 0 < int(looks[-1]["offset"]) <= 6 * MIB
    check_picture(stack, done["image"], large)


def test_a_new_process_of_the_service_goes_on_with_what_the_old_one_had(
    stack: LiveStack, tus: Run, large: Path
) -> None:
    # The first piece is answered for; the second is under way when the process is killed.
    proxy = BreakingProxy(stack.gateway, hold_at=8 * MIB)
    with proxy.listening(), tus(server=proxy.url, chunkSize=5 * MIB) as client:
        proxy.wait_held()
        stack.kill("upload")
        proxy.release()
        done = client.outcome()

    assert done["event"] == "success", done
    looks = [e for e in client.events if e.get("method") == "HEAD" and e["status"] == 200]
    assert looks, [e for e in client.events if e["event"] != "progress"]
    assert int(looks[-1]["offset"]) >= 5 * MIB
    check_picture(stack, done["image"], large)


def test_another_process_of_the_client_goes_on_with_the_url(
    stack: LiveStack, tus: Run, large: Path
) -> None:
    proxy = BreakingProxy(stack.gateway, hold_at=8 * MIB)
    with proxy.listening(), tus(server=proxy.url, chunkSize=5 * MIB) as client:
        proxy.wait_held()
        stopped = client.stop()
        proxy.break_off()
    assert stopped["event"] == "aborted"
    url = stack.gateway + urlsplit(stopped["url"]).path

    with tus(uploadUrl=url) as client:
        done = client.outcome()

    assert done["event"] == "success", done
    assert answers(client, "POST") == []
    first = next(e for e in client.events if e.get("method") == "HEAD")
    assert int(first["offset"]) >= 5 * MIB
    check_picture(stack, done["image"], large)


def test_what_is_given_up_is_gone(stack: LiveStack, tus: Run) -> None:
    proxy = BreakingProxy(stack.gateway, hold_at=8 * MIB)
    with proxy.listening(), tus(server=proxy.url, chunkSize=5 * MIB) as client:
        proxy.wait_held()
        stopped = client.stop(terminate=True)

    assert stopped["event"] == "aborted", stopped
    path = urlsplit(stopped["url"]).path
    with stack.http() as http:
        gone = http.head(path, headers={"tus-resumable": "1.0.0"})
    assert gone.status_code in (404, 410)


def test_what_is_said_of_a_file_arrives(
    stack: LiveStack, project_id: ProjectId, tus: Run, fresh_photo: Path
) -> None:
    metadata = {
        "filename": "häuser.jpg",
        "filetype": "image/jpeg",
        "project": project_id,
        "alt_text": "Zwei Häuser",
        "location": "blog/2026",
        "sha256": hashlib.sha256(fresh_photo.read_bytes()).hexdigest(),
        "on_duplicate": "create",
        "colour": "red",
    }
    endpoint = f"{stack.gateway}/files/"
    with tus(path=fresh_photo, endpoint=endpoint, metadata=metadata) as client:
        done = client.outcome()

    assert done["event"] == "success", done
    image = check_picture(stack, done["image"], fresh_photo)
    assert (image["filename"], image["alt_text"]) == ("häuser.jpg", "Zwei Häuser")
    assert (image["location"], image["format"]) == ("blog/2026", "FORMAT_JPEG")
    with stack.http() as http:
        told = http.head(urlsplit(done["url"]).path, headers={"tus-resumable": "1.0.0"})
    assert "colour cmVk" in told.headers["upload-metadata"]
    assert told.headers["upload-offset"] == told.headers["upload-length"]


@pytest.mark.parametrize(
    ("content", "metadata", "status", "reason"),
    [
        (b"this is no picture" * 100, {}, 415, "IMAGE_UNRECOGNISED"),
        (None, {"filetype": "image/webp"}, 415, "IMAGE_TYPE_MISMATCH"),
        (None, {"sha256": "00" * 32}, 400, "UPLOAD_DIGEST_WRONG"),
        (None, {"on_duplicate": "explode"}, 400, "FIELD_INVALID"),
    ],
)
def test_who_sends_what_is_refused_hears_why(
    tus: Run,
    fresh_photo: Path,
    content: bytes | None,
    metadata: dict[str, str],
    status: int,
    reason: str,
) -> None:
    if content is not None:
        fresh_photo.write_bytes(content)
    with tus(path=fresh_photo, metadata=metadata) as client:
        refused = client.outcome()

    assert (refused["event"], refused["status"]) == ("error", status), refused
    assert json.loads(refused["body"])["reason"] == reason


def test_who_has_no_key_hears_so(tus: Run) -> None:
    with tus(key="") as client:
        refused = client.outcome()

    assert (refused["event"], refused["status"]) == ("error", 401)
    assert json.loads(refused["body"])["reason"] == "CREDENTIAL_MISSING"


def test_uppy(stack: LiveStack, project_id: ProjectId, large: Path, tmp_path: Path) -> None:
    options = {
        "endpoint": f"{stack.gateway}/files/",
        "headers": {"Authorization": f"Bearer {stack.api_key}"},
        "chunkSize": 5 * MIB,
    }
    with running(
        "uppy.mjs",
        tmp_path / "job",
        path=str(large),
        name=large.name,
        type="image/png",
        meta={"project": project_id, "alt_text": "Noise"},
        options=options,
    ) as client:
        picture = client.until("picture")
        done = client.outcome()

    assert done["event"] == "success", done
    assert "/files/upl_" in done["url"]
    check_picture(stack, picture["image"], large)


def test_uppy_shows_why_a_file_is_refused(
    stack: LiveStack, project_id: ProjectId, tmp_path: Path
) -> None:
    path = tmp_path / "text.png"
    path.write_bytes(b"this is no picture" * 100)
    options = {
        "endpoint": f"{stack.gateway}/files/?project={project_id}",
        "headers": {"Authorization": f"Bearer {stack.api_key}"},
    }
    with running(
        "uppy.mjs",
        tmp_path / "job",
        path=str(path),
        name=path.name,
        type="image/png",
        meta={},
        options=options,
    ) as client:
        refused = client.outcome()

    assert (refused["event"], refused["status"]) == ("error", 415), refused
    assert json.loads(refused["body"])["reason"] == "IMAGE_UNRECOGNISED"
