"""Pictures fetched from a web server on loopback, which stands for the public internet."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from picstore.upload.v1 import import_pb2
from picstore_kit.errors import InvalidArgument, InvalidFields, Reason
from picstore_kit.net.download import DownloadTimes
from tests.fake_http import Answer, Asked, FakeServer, fake_http
from tests.integration.upload.imports.conftest import Open
from tests.integration.upload.imports.workshop import MAX_BYTES, Workshop, job_state, state
from tests.integration.upload.pictures import jpeg

HASTE = DownloadTimes(connect_s=2, answer_s=0.3, stall_s=0.3, whole_s=30)


class Site:
    """What the server answers, by path; how often each was asked for is counted."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.counts: dict[str, int] = {}

    def __call__(self, asked: Asked) -> Answer:
        path = asked.path.partition("?")[0]
        count = self.counts[path] = self.counts.get(path, 0) + 1
        match path:
            case "/good.jpg":
                return Answer(body=jpeg(), headers={"Content-Type": "image/jpeg; q=1"})
            case "/untyped":
                return Answer(body=jpeg(), headers={"Content-Type": "application/octet-stream"})
            case "/page":
                return Answer(body=b"<html>" * 2000, headers={"Content-Type": "text/html"})
            case "/typed-wrong.png":
                return Answer(body=jpeg(), headers={"Content-Type": "image/png"})
            case "/silent":
                self.let_go.wait(20)
                return Answer(body=jpeg())
            case "/stalls":
                return Answer(body=jpeg(), headers={"Content-Length": str(len(jpeg()) + 1)})
            case "/cut":
                headers = {"Content-Length": str(len(jpeg()) + 1), "Connection": "close"}
                return Answer(body=jpeg(), headers=headers)
            case "/huge":
                return Answer(body=b"", headers={"Content-Length": "9000000000"})
            case "/endless":
                return Answer(
                    body=jpeg() + bytes(MAX_BYTES),
                    headers={"Content-Length": "", "Connection": "close"},
                )
            case "/chunked":
                size = f"{len(jpeg()):x}".encode()
                headers = {"Transfer-Encoding": "chunked", "Content-Length": "7"}
                return Answer(body=size + b"\r\n" + jpeg() + b"\r\n0\r\n\r\n", headers=headers)
            case "/chunked-cut":
                headers = {"Transfer-Encoding": "chunked", "Connection": "close"}
                return Answer(body=b"ffff\r\n" + jpeg(), headers={"Content-Length": "", **headers})
            case "/empty":
                return Answer(body=b"")
            case "/gzip":
                return Answer(body=gzip.compress(jpeg()), headers={"Content-Encoding": "gzip"})
            case "/loop":
                return Answer(status=302, headers={"Location": "/loop"})
            case "/moved":
                return Answer(status=301, headers={"Location": "/moved-on?x=1"})
            case "/moved-on":
                return Answer(status=307, headers={"Location": "good.jpg"})
            case "/nowhere":
                return Answer(status=302, headers={"Location": "ftp://127.0.0.1/a"})
            case "/lost":
                return Answer(status=302)
            case "/metadata":
                location = "http://169.254.169.254/latest/meta-data"
                return Answer(status=302, headers={"Location": location})
            case "/busy-once" if count == 1:
                return Answer(status=503, headers={"Retry-After": "60"})
            case "/busy-once":
                return Answer(body=jpeg())
            case "/broken":
                return Answer(status=500)
            case "/partial":
                return Answer(status=206, body=jpeg()[:100])
            case "/cookie":
                return Answer(
                    status=302, headers={"Location": "/good.jpg", "Set-Cookie": "a=b; Path=/"}
                )
            case _:
                return Answer(status=404, body=b"no such page")


@pytest.fixture
def site() -> Iterator[Site]:
    answers = Site()
    yield answers
    answers.let_go.set()


@pytest.fixture
def server(site: Site) -> Iterator[FakeServer]:
    with fake_http(site) as running:
        yield running
        site.let_go.set()


async def test_a_picture_is_fetched_and_named_after_its_url(
    shop: Workshop, server: FakeServer
) -> None:
    job = await shop.import_url(f"{server.url}/good.jpg?token=secret", location="blog/2026")
    assert (job_state(job), job.item_count, job.listed) == ("QUEUED", 1, True)
    await shop.work_out()

    job, item = await shop.job(job.id), await shop.only(job.id)
    assert (job_state(job), job.imported_count, state(item)) == ("DONE", 1, "IMPORTED")
    assert (job.received_bytes, job.total_bytes) == (len(jpeg()), len(jpeg()))
    assert item.source == job.url.url == f"{server.url}/good.jpg"
    assert item.image_id.startswith("img_")
    (header,) = shop.engine.headers
    assert (header.filename, header.content_type) == ("good.jpg", "image/jpeg")
    assert (header.location, header.size_bytes) == ("blog/2026", len(jpeg()))
    (asked,) = server.asked
    assert asked.path == "/good.jpg?token=secret"
    assert asked.headers["user-agent"] == "PicStore"
    assert asked.headers["accept-encoding"] == "identity"
    assert not {"cookie", "authorization", "referer"} & set(asked.headers)


async def test_the_query_is_forgotten_as_soon_as_the_item_has_ended(
    shop: Workshop, server: FakeServer
) -> None:
    for path in ("good.jpg", "missing"):
        await shop.import_url(f"{server.url}/{path}?token=secret")
    await shop.work_out()
    rows = await shop.rows(
        "SELECT j::text || i::text FROM import_jobs j JOIN import_items i ON true"
    )
    assert rows
    assert not [row for (row,) in rows if "secret" in row]


async def test_redirects_are_followed_without_what_the_first_server_has_set(
    shop: Workshop, server: FakeServer
) -> None:
    for path in ("moved", "cookie"):
        await shop.import_url(f"{server.url}/{path}")
    await shop.work_out()
    assert [asked.path for asked in server.asked] == [
        *("/moved", "/moved-on?x=1", "/good.jpg"),
        *("/cookie", "/good.jpg"),
    ]
    assert not [asked for asked in server.asked if "cookie" in asked.headers]


@pytest.mark.parametrize(
    ("path", "reason", "ending"),
    [
        ("missing", Reason.REMOTE_STATUS, "FAILED"),
        ("partial", Reason.REMOTE_STATUS, "FAILED"),
        ("loop", Reason.REMOTE_REDIRECTS, "FAILED"),
        ("nowhere", Reason.REMOTE_REDIRECTS, "FAILED"),
        ("lost", Reason.REMOTE_REDIRECTS, "FAILED"),
        ("metadata", Reason.REMOTE_FORBIDDEN, "FAILED"),
        ("gzip", Reason.IMAGE_UNRECOGNISED, "FAILED"),
        ("page", Reason.IMAGE_UNRECOGNISED, "REFUSED"),
        ("typed-wrong.png", Reason.IMAGE_TYPE_MISMATCH, "REFUSED"),
        ("huge", Reason.LIMIT_BYTES, "REFUSED"),
        ("endless", Reason.LIMIT_BYTES, "REFUSED"),
        ("empty", Reason.UPLOAD_EMPTY, "REFUSED"),
    ],
)
async def test_what_can_never_come_is_tried_once(
    shop: Workshop, server: FakeServer, path: str, reason: Reason, ending: str
) -> None:
    job = await shop.import_url(f"{server.url}/{path}?token=secret")
    await shop.work_out()
    job, item = await shop.job(job.id), await shop.only(job.id)
    assert (item.reason, state(item), item.attempts) == (reason, ending, 1)
    assert "secret" not in item.message
    failed = ending == "FAILED"
    assert job_state(job) == ("FAILED" if failed else "DONE")
    assert job.failure_reason == (reason if failed else "")
    assert (job.failed_count, job.refused_count) == (int(failed), int(not failed))
    assert job.HasField("end_time")
    assert shop.engine.committed == {}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("broken", Reason.REMOTE_STATUS),
        ("cut", Reason.UPLOAD_INCOMPLETE),
        ("chunked-cut", Reason.UPLOAD_INCOMPLETE),
        ("silent", Reason.REMOTE_TIMEOUT),
        ("stalls", Reason.REMOTE_TIMEOUT),
    ],
)
async def test_what_may_pass_is_tried_five_times(
    open_shop: Open, server: FakeServer, site: Site, path: str, reason: Reason
) -> None:
    async with open_shop(times=HASTE) as shop:
        job = await shop.import_url(f"{server.url}/{path}")
        for attempt in range(1, 6):
            await shop.make_due()
            await shop.work_out()
            item = await shop.only(job.id)
            assert (item.reason, item.attempts) == (reason, attempt)
            assert state(item) == ("QUEUED" if attempt < 5 else "FAILED")
        assert job_state(await shop.job(job.id)) == "FAILED"
        assert shop.engine.committed == {}


async def test_a_server_that_is_busy_is_asked_again_when_it_wants_to_be(
    shop: Workshop, server: FakeServer
) -> None:
    job = await shop.import_url(f"{server.url}/busy-once")
    await shop.work_out()
    assert state(await shop.only(job.id)) == "QUEUED"
    [(pause_s,)] = await shop.rows(
        "SELECT extract(epoch FROM due_at - clock_timestamp()) FROM import_items"
    )
    assert 50 < pause_s <= 60
    await shop.make_due()
    await shop.work_out()
    assert state(await shop.only(job.id)) == "IMPORTED"


async def test_a_file_may_come_in_chunks_without_a_length(
    shop: Workshop, server: FakeServer
) -> None:
    job = await shop.import_url(f"{server.url}/chunked")
    await shop.work_out()
    item = await shop.only(job.id)
    assert (state(item), item.received_bytes, item.total_bytes) == ("IMPORTED", len(jpeg()), 0)


async def test_a_server_that_is_down_may_come_back(shop: Workshop) -> None:
    with fake_http(lambda asked: Answer()) as gone:
        url = gone.url
    job = await shop.import_url(f"{url}/a.jpg")
    await shop.work_out()
    item = await shop.only(job.id)
    assert (state(item), item.reason) == ("QUEUED", Reason.REMOTE_UNREACHABLE)


FORBIDDEN = [
    "http://127.0.0.1/a",
    "http://169.254.169.254/latest",
    "http://[::ffff:127.0.0.1]/",
    "http://[::1]/",
    "http://0x7f000001/",
    "http://2130706433/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://localhost/",
    "http://LOCALHOST./",
    "https://a.localhost/",
    "http://10.0.0.1./",
    "http://100.64.1.1/",
    "http://[fd00::1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://224.0.0.1/",
    "https://example.org:22/",
]


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_a_url_that_says_where_it_leads_to_is_refused_at_once(
    open_shop: Open, url: str
) -> None:
    async with open_shop(allowed=()) as shop:
        with pytest.raises(InvalidArgument) as refused:
            await shop.import_url(url)
        assert refused.value.reason is Reason.REMOTE_FORBIDDEN
        assert await shop.rows("SELECT id FROM import_jobs") == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "picture.jpg",
        "ftp://example.org/a",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http://user:password@example.org/a",
        "http://user@example.org/",
        "http://example.org\\@127.0.0.1/",
        "http://example.org/a b",
        "http://example.org/\r\nX: y",
        "http://example.org:port/",
        "http://[::1",
        "http://example.org/" + "a" * 2048,
    ],
)
async def test_what_is_no_url_to_fetch_is_said_to_be_none(shop: Workshop, url: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        await shop.import_url(url)
    assert [violation.field for violation in refused.value.violations] == ["import_job.url.url"]


async def test_a_name_is_judged_by_what_it_resolves_to_whenever_it_is_connected_to(
    open_shop: Open, server: FakeServer
) -> None:
    port = int(server.host.rpartition(":")[2])
    # 127.0.0.1 stands for the public internet, 127.0.0.2 for what is inside.
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "127.0.0.2"]])
    resolved: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        resolved.append(host)
        return next(answers)

    async with open_shop(allowed=(f"127.0.0.1:{port}",), resolver=rebinding) as shop:
        for _ in range(3):
            await shop.import_url(f"http://Rebind.test.:{port}/good.jpg")
        await shop.work_out()
        rows = await shop.rows("SELECT state, reason FROM import_items ORDER BY job_id")
        assert rows == [
            ("imported", ""),
            ("failed", Reason.REMOTE_FORBIDDEN),
            ("failed", Reason.REMOTE_FORBIDDEN),
        ]
    assert resolved == ["rebind.test"] * 3  # each connection asks once, and goes where it was told
    assert len(server.asked) == 1


async def test_a_host_that_is_not_known_is_said_not_to_be(open_shop: Open) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    async with open_shop(resolver=unknown) as shop:
        job = await shop.import_url("http://nobody.example/a.jpg")
        await shop.work_out()
        item = await shop.only(job.id)
        assert (state(item), item.reason) == ("FAILED", Reason.REMOTE_UNKNOWN_HOST)
        assert "nobody.example" in item.message


async def test_an_environment_with_a_proxy_changes_nothing(
    shop: Workshop, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    job = await shop.import_url(f"{server.url}/untyped")
    await shop.work_out()
    assert state(await shop.only(job.id)) == "IMPORTED"
    assert shop.engine.headers[0].content_type == ""


async def test_the_same_request_makes_one_job(shop: Workshop, server: FakeServer) -> None:
    url = f"{server.url}/good.jpg"
    jobs = [await shop.api.CreateImportJob(shop.url_request(url, "one")) for _ in range(2)]
    assert jobs[0] == jobs[1]
    with pytest.raises(Exception, match="used before") as refused:
        await shop.api.CreateImportJob(shop.url_request(f"{url}?other", "one"))
    assert getattr(refused.value, "reason", None) is Reason.REQUEST_ID_REUSED
    assert len(await shop.rows("SELECT id FROM import_jobs")) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"project_id": "blog"}, "import_job.project_id"),
        ({"on_duplicate": 77}, "import_job.on_duplicate"),
        ({"upload_profile": "x" * 201}, "import_job.upload_profile"),
    ],
)
async def test_bad_input_is_named(shop: Workshop, change: dict[str, Any], field: str) -> None:
    request = shop.url_request("http://example.org/a.jpg")
    request.import_job.MergeFrom(import_pb2.ImportJob(**change))
    with pytest.raises(InvalidFields) as refused:
        await shop.api.CreateImportJob(request)
    assert [violation.field for violation in refused.value.violations] == [field]
