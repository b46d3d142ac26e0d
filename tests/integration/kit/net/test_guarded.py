"""Connections that a policy watches over, against real servers on loopback."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from picstore.catalog.v1.storage_location_pb2 import S3Provider, StorageLocation
from picstore_kit.blobs.base import BlobStoreDenied, BlobStoreUnavailable
from picstore_kit.blobs.locations import LocationStores
from picstore_kit.blobs.s3 import S3BlobStore
from picstore_kit.blobs.s3_client import S3Config
from picstore_kit.ids import LocationId
from picstore_kit.net.egress import EgressPolicy, EndpointForbidden
from picstore_kit.net.fetch import MAX_BYTES, Unreachable, fetch
from picstore_kit.net.guarded import ANSWER_BYTES, AnswerTooLate, AnswerTooLong, GuardedPoolManager
from picstore_kit.settings import EgressSettings
from tests.fake_http import Answer, FakeServer, fake_http


def allowing(*hosts: str) -> EgressPolicy:
    return EgressPolicy(EgressSettings(allowed=hosts))


def port_of(server: FakeServer) -> int:
    return int(server.host.rpartition(":")[2])


@contextmanager
def dripping() -> Iterator[str]:
    """Send a header line whenever the last one was taken, for ever; yields `host:port`."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not stopped.wait(0.02):
                try:
                    connection.sendall(b"a")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stopped.set()
        thread.join()
        listener.close()


def test_a_name_that_changes_its_address_is_checked_for_every_connection() -> None:
    with fake_http(lambda asked: Answer(body=b"public")) as server:
        answers = iter([["127.0.0.1"], ["127.0.0.2"]])
        resolved: list[str] = []

        def rebinding(host: str, port: int) -> list[str]:
            resolved.append(host)
            return next(answers)

        # 127.0.0.1 stands for the public internet, 127.0.0.2 for what is inside.
        policy = EgressPolicy(
            EgressSettings(allowed=(f"127.0.0.1:{port_of(server)}",)), resolver=rebinding
        )
        url = f"http://rebind.test:{port_of(server)}/"

        assert fetch(url, egress=policy).body == b"public"
        with pytest.raises(EndpointForbidden):
            fetch(url, egress=policy)

    assert resolved == ["rebind.test", "rebind.test"]
    assert [asked.headers["host"] for asked in server.asked] == [f"rebind.test:{port_of(server)}"]


def test_a_connection_goes_to_the_address_that_was_checked() -> None:
    with fake_http(lambda asked: Answer(body=b"x")) as server:
        turns = itertools.count()

        def once(host: str, port: int) -> list[str]:
            assert next(turns) == 0, "resolved again after the check"
            return ["127.0.0.1"]

        policy = EgressPolicy(EgressSettings(allowed=(server.host,)), resolver=once)
        assert fetch(f"http://once.test:{port_of(server)}/", egress=policy).status == 200


async def test_a_store_that_is_not_allowed_is_never_connected_to() -> None:
    with fake_http(lambda asked: Answer()) as server:
        store = S3BlobStore(
            S3Config(
                endpoint=server.url,
                bucket="pictures",
                access_key="a",
                secret_key="b",
                egress=allowing(),
            )
        )
        with pytest.raises(EndpointForbidden) as refused:
            await store.put_bytes("a", b"x", content_type="image/png")
        await store.close()

    assert refused.value.metadata == {"host": "127.0.0.1"}
    assert server.asked == []


def test_a_redirect_is_not_followed() -> None:
    with fake_http(lambda asked: Answer(status=302, headers={"Location": "/inside"})) as server:
        assert fetch(f"{server.url}/a", egress=allowing(server.host)).status == 302

    assert [asked.path for asked in server.asked] == ["/a"]


def test_a_body_that_is_too_long_is_given_up() -> None:
    with (
        fake_http(lambda asked: Answer(body=bytes(MAX_BYTES + 1))) as server,
        pytest.raises(Unreachable, match="too long"),
    ):
        fetch(server.url, egress=allowing(server.host))


def test_an_error_without_an_end_is_not_read_to_it() -> None:
    endless = Answer(status=403, body=bytes(ANSWER_BYTES + 1))
    with (
        fake_http(lambda asked: endless) as server,
        GuardedPoolManager(allowing(server.host), retries=False) as http,
        pytest.raises(AnswerTooLong),
    ):
        http.request("GET", server.url, preload_content=False)


def test_answers_are_read_as_by_any_pool_manager() -> None:
    with (
        fake_http(lambda asked: Answer(status=404, body=b"<Error/>")) as server,
        GuardedPoolManager(allowing(server.host), retries=False) as http,
    ):
        whole = http.request("GET", server.url)
        streamed = http.request("GET", server.url, preload_content=False)

        assert (whole.status, whole.data) == (404, b"<Error/>")
        assert streamed.read(cache_content=True) == b"<Error/>"
        assert streamed.data == b"<Error/>"


def test_a_server_that_drips_its_header_is_hung_up_on() -> None:
    with (
        dripping() as host,
        GuardedPoolManager(allowing(host), answer_s=0.2, retries=False) as http,
        pytest.raises(AnswerTooLate),
    ):
        http.request("GET", f"http://{host}/")


async def test_a_store_that_drips_is_unavailable() -> None:
    with dripping() as host:
        store = S3BlobStore(
            S3Config(
                endpoint=f"http://{host}",
                bucket="pictures",
                access_key="a",
                secret_key="b",
                egress=allowing(host),
                answer_timeout_s=0.2,
                read_timeout_s=0.5,
            )
        )
        with pytest.raises(BlobStoreUnavailable):
            await store.stat("a")
        await store.close()


def test_what_the_operator_has_set_up_may_be_anywhere() -> None:
    with fake_http(lambda asked: Answer(body=b"x")) as server:
        assert fetch(server.url, egress=None).body == b"x"


async def test_the_stores_of_teams_obey_the_policy_and_those_of_the_operator_need_not() -> None:
    with fake_http(lambda asked: Answer(status=500)) as server:
        known = {
            "team": StorageLocation(
                s3=S3Provider(
                    endpoint=server.url,
                    bucket="pictures",
                    access_key_id="a",
                    secret_access_key="b",
                )
            ),
            "ambient": StorageLocation(s3=S3Provider(endpoint=server.url, bucket="pictures")),
        }
        known["operator"] = StorageLocation(operator_managed=True)
        known["operator"].s3.CopyFrom(known["team"].s3)

        async def fetch_location(location_id: LocationId) -> StorageLocation:
            return known[location_id]

        async with LocationStores(fetch_location, allowing()) as stores:
            with pytest.raises(EndpointForbidden):
                await (await stores.open(LocationId("team"))).stat("a")
            assert server.asked == []
            with pytest.raises(BlobStoreDenied, match="NoCredentialsFound"):
                await stores.open(LocationId("ambient"))
            with pytest.raises(BlobStoreUnavailable):
                await (await stores.open(LocationId("operator"))).stat("a")
            assert server.asked
