"""Trying storage locations: on a real store, and on servers that do what it never does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from picstore_catalog.model.storage_location import LocalDirectory, StorageLocation
from picstore_catalog.model.storage_test import Outcome
from picstore_catalog.usecases.locations import LocationSecrets
from picstore_kit.errors import FailedPrecondition, Reason
from picstore_kit.net.fetch import fetch
from picstore_local.s3 import S3Access
from tests.fake_http import Answer, Asked, fake_http
from tests.integration.catalog.locations.conftest import SECRET, location_tester, outcomes, steps

MakeLocation = Callable[..., StorageLocation]
ALL_STEPS = [
    "write",
    "read",
    "range",
    "list",
    "copy",
    "public",
    "content_type",
    "cache_control",
    "delete",
]


def keys_in(store: S3Access, bucket: str = "outputs") -> list[str | None]:
    found = store.client().list_objects(bucket, recursive=True)
    return [item.object_name for item in found]


def s3_error(code: str, status: int) -> Answer:
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    return Answer(status=status, body=body, headers={"Content-Type": "application/xml"})


async def test_a_location_that_works_passes_every_step_and_nothing_is_left(
    store: S3Access, secrets: LocationSecrets, location: MakeLocation
) -> None:
    report = await location_tester(secrets, store.host).test(location())

    assert report.passed, report
    assert outcomes(report) == dict.fromkeys(ALL_STEPS, "PASSED")
    assert list(outcomes(report)) == ALL_STEPS
    assert keys_in(store) == []


async def test_without_a_public_url_its_steps_are_skipped(
    store: S3Access, secrets: LocationSecrets, location: MakeLocation
) -> None:
    report = await location_tester(secrets, store.host).test(location(public_base_url=""))

    assert report.passed
    skipped = [step for step in report.steps if step.outcome is Outcome.SKIPPED]
    assert [step.name for step in skipped] == ["public", "content_type", "cache_control"]
    assert "public_base_url" in skipped[0].message


async def test_who_may_not_write_is_told_the_right_that_is_missing(
    store: S3Access, secrets: LocationSecrets, location: MakeLocation
) -> None:
    tried = location(access_key_id="reads-only", secret=SECRET)
    report = await location_tester(secrets, store.host).test(tried)

    write = steps(report)["write"]
    assert write.outcome is Outcome.FAILED
    assert write.missing == "s3:PutObject on arn:aws:s3:::outputs/team/pictures/*"
    assert {step.outcome for step in report.steps[1:]} == {Outcome.SKIPPED}
    assert steps(report)["read"].message == "needs the step write"


async def test_who_may_not_list_is_told_so_and_the_rest_is_tried(
    store: S3Access, secrets: LocationSecrets, location: MakeLocation
) -> None:
    tried = location(access_key_id="does-not-list", secret=SECRET)
    report = await location_tester(secrets, store.host).test(tried)

    assert [step.name for step in report.failed] == ["list"]
    assert steps(report)["list"].missing == "s3:ListBucket on arn:aws:s3:::outputs"
    assert keys_in(store) == []


async def test_who_may_not_read_is_told_so_and_the_probe_is_deleted(
    store: S3Access, secrets: LocationSecrets, location: MakeLocation
) -> None:
    tried = location(
        bucket=store.originals_bucket,
        access_key_id="writes-only",
        secret=SECRET,
        public_base_url="",
    )
    report = await location_tester(secrets, store.host).test(tried)

    assert outcomes(report)["write"] == "PASSED"
    assert steps(report)["read"].missing == (
        "s3:GetObject on arn:aws:s3:::originals/team/pictures/*"
    )
    assert keys_in(store, store.originals_bucket) == []


@pytest.mark.parametrize(
    ("changed", "setting"),
    [
        ({"secret": "wrong"}, "s3.secret_access_key"),
        ({"access_key_id": "nobody"}, "s3.access_key_id"),
        ({"bucket": "no-such-bucket"}, "s3.bucket"),
    ],
)
async def test_a_wrong_setting_is_named(
    store: S3Access,
    secrets: LocationSecrets,
    location: MakeLocation,
    changed: dict[str, str],
    setting: str,
) -> None:
    report = await location_tester(secrets, store.host).test(location(**changed))

    assert [step.name for step in report.failed] == ["write"]
    assert steps(report)["write"].missing.startswith(setting)


@pytest.mark.parametrize(
    ("code", "status", "setting"),
    [
        ("AuthorizationHeaderMalformed", 400, "s3.region"),
        ("PermanentRedirect", 301, "s3.region and s3.endpoint"),
        ("RequestTimeTooSkewed", 403, "a clock"),
        ("AccessDenied", 403, "s3:PutObject on arn:aws:s3:::outputs/team/pictures/*"),
        ("<b>", 403, "s3:PutObject on"),
    ],
)
async def test_what_a_store_answers_is_turned_into_what_is_missing(
    secrets: LocationSecrets, location: MakeLocation, code: str, status: int, setting: str
) -> None:
    escaped = code.replace("<", "&lt;")
    with fake_http(lambda asked: s3_error(escaped, status)) as server:
        report = await location_tester(secrets, server.host).test(location(endpoint=server.url))

    assert steps(report)["write"].missing.startswith(setting)
    assert "<b>" not in str(report)


async def test_a_server_that_is_no_s3_is_no_failure_of_ours(
    secrets: LocationSecrets, location: MakeLocation
) -> None:
    page = Answer(body=b"<html>", headers={"Content-Type": "text/html"})
    with fake_http(lambda asked: page) as server:
        report = await location_tester(secrets, server.host).test(location(endpoint=server.url))

    assert not report.passed


async def test_an_endpoint_inside_is_never_connected_to(
    secrets: LocationSecrets, location: MakeLocation
) -> None:
    with fake_http(lambda asked: Answer()) as server:
        report = await location_tester(secrets).test(location(endpoint=server.url))

    assert steps(report)["write"].missing.startswith("s3.endpoint")
    assert server.asked == []


async def test_a_public_url_inside_is_never_connected_to(
    store: S3Access, secrets: LocationSecrets, location: MakeLocation
) -> None:
    with fake_http(lambda asked: Answer(body=b"secrets")) as server:
        tried = location(public_base_url=server.url)
        report = await location_tester(secrets, store.host).test(tried)

    assert steps(report)["public"].missing.startswith("public_base_url")
    assert outcomes(report)["content_type"] == "SKIPPED"
    assert server.asked == []


async def test_a_public_url_that_leads_elsewhere_is_told(
    store: S3Access, secrets: LocationSecrets, location: MakeLocation
) -> None:
    tried = location(public_base_url=f"{store.endpoint}/{store.outputs_bucket}/elsewhere")
    report = await location_tester(secrets, store.host).test(tried)

    assert [step.name for step in report.failed] == ["public"]
    assert "404" in steps(report)["public"].message


async def test_a_private_bucket_is_not_public(
    store: S3Access, secrets: LocationSecrets, location: MakeLocation
) -> None:
    tried = location(
        bucket=store.originals_bucket,
        public_base_url=f"{store.endpoint}/{store.originals_bucket}/team/pictures",
    )
    report = await location_tester(secrets, store.host).test(tried)

    assert [step.name for step in report.failed] == ["public"]
    assert "403" in steps(report)["public"].message


@pytest.mark.parametrize(
    ("dropped", "step"), [("Cache-Control", "cache_control"), ("Content-Type", "content_type")]
)
async def test_a_header_that_a_cdn_drops_is_told(
    store: S3Access, secrets: LocationSecrets, location: MakeLocation, dropped: str, step: str
) -> None:
    def cdn(asked: Asked) -> Answer:
        origin = fetch(f"{store.endpoint}{asked.path}", egress=None)
        headers = {"Content-Type": origin.content_type, "Cache-Control": origin.cache_control}
        del headers[dropped]
        return Answer(status=origin.status, body=origin.body, headers=headers)

    with fake_http(cdn) as server:
        base = f"{server.url}/{store.outputs_bucket}/team/pictures"
        report = await location_tester(secrets, store.host, server.host).test(
            location(public_base_url=base)
        )

    assert [failed.name for failed in report.failed] == [step]


async def test_a_cancelled_test_deletes_its_probe(
    store: S3Access, secrets: LocationSecrets, location: MakeLocation
) -> None:
    fetching = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(asked: Asked) -> Answer:
        loop.call_soon_threadsafe(fetching.set)
        return Answer(status=404)

    with fake_http(slow) as server:
        tried = location(public_base_url=server.url)
        running = asyncio.create_task(location_tester(secrets, store.host, server.host).test(tried))
        await fetching.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    assert keys_in(store) == []


async def test_a_directory_that_is_not_there_yet_is_made(
    secrets: LocationSecrets, location: MakeLocation, tmp_path: Path
) -> None:
    directory = tmp_path / "team" / "pictures"
    tried = replace(location(public_base_url=""), provider=LocalDirectory(directory=str(directory)))
    report = await location_tester(secrets).test(tried)

    assert report.passed, report
    assert [path for path in directory.iterdir() if not path.name.startswith(".")] == []


async def test_a_directory_that_cannot_be_written_is_told(
    secrets: LocationSecrets, location: MakeLocation, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    directory = str(tmp_path / "file" / "pictures")
    tried = replace(location(public_base_url=""), provider=LocalDirectory(directory=directory))
    report = await location_tester(secrets).test(tried)

    assert steps(report)["write"].outcome is Outcome.FAILED
    assert directory in steps(report)["write"].missing


async def test_a_failed_test_says_what_is_missing_for_each_step(
    store: S3Access, secrets: LocationSecrets, location: MakeLocation
) -> None:
    report = await location_tester(secrets, store.host).test(location(secret="wrong"))

    with pytest.raises(FailedPrecondition) as refused:
        report.require_passed()
    assert refused.value.reason is Reason.STORAGE_TEST_FAILED
    assert refused.value.metadata["steps"] == "write"
    assert refused.value.metadata["write"].startswith("s3.secret_access_key")
    assert "wrong" not in str(refused.value)
