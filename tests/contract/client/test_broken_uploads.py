"""Uploads that break off, are refused, or are answered with what cannot be."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picstore.upload.v1.upload_pb2 import Upload
from picstore_client import Via
from picstore_client.sources import BLOCK_BYTES
from picstore_kit.errors import FailedPrecondition, Internal, InvalidArgument, Reason
from tests.contract.client.gateway import BUSY, FakeGateway, fake_gateway
from tests.contract.client.uploads import FILE, NOT_NOW, SHA256, WAYS, only_picture, refused, upload


async def test_a_connection_that_breaks_at_every_tenth_costs_only_what_was_under_way(
    gateway: FakeGateway, photo: Path
) -> None:
    gateway.cuts.extend([100_000] * 9)
    sent: list[int] = []
    await upload(gateway, photo, via=Via.RESUMABLE, progress=sent.append)
    assert only_picture(gateway) == FILE
    offsets = [int(asked.query["write_offset"]) for asked in gateway.requests("PATCH")]
    assert offsets == list(range(0, 1_000_000, 100_000))
    assert sum(sent) == len(FILE)


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(1, 3 * BLOCK_BYTES),
    cuts=st.lists(st.integers(0, BLOCK_BYTES), max_size=4),
    lost=st.lists(st.sampled_from(["create", "get", "write", "complete"]), max_size=3),
)
async def test_whatever_breaks_the_server_has_exactly_the_bytes(
    size: int, cuts: list[int], lost: list[str]
) -> None:
    async with fake_gateway() as gateway:
        gateway.cuts.extend(cuts)
        gateway.lost.update(lost)
        await upload(gateway, FILE[:size], via=Via.RESUMABLE)
        assert only_picture(gateway) == FILE[:size]
        assert len(gateway.uploads) == 1


@pytest.mark.parametrize("operation", ["create", "write"])
async def test_a_gateway_that_is_not_available_is_asked_again(
    gateway: FakeGateway, photo: Path, operation: str
) -> None:
    gateway.refusals[operation] = deque([NOT_NOW] * 5)
    await upload(gateway, photo, via=Via.RESUMABLE)
    assert only_picture(gateway) == FILE


async def test_an_upload_that_is_busy_is_waited_for(gateway: FakeGateway, photo: Path) -> None:
    gateway.refusals["write"] = deque([BUSY, BUSY])
    await upload(gateway, photo, via=Via.RESUMABLE)
    assert only_picture(gateway) == FILE
    assert len(gateway.requests("PATCH")) == 3


@pytest.mark.parametrize("via", WAYS)
async def test_a_last_answer_that_is_lost_costs_no_second_picture(
    gateway: FakeGateway, photo: Path, via: Via
) -> None:
    gateway.lost.update(["quick", "write", "complete"])
    uploaded = await upload(gateway, photo, via=via)
    assert list(gateway.images) == [uploaded.image.id]
    assert len(gateway.requests("PATCH")) == (via is Via.RESUMABLE)


async def test_a_quick_upload_that_breaks_off_is_sent_again_from_its_begin(
    gateway: FakeGateway, photo: Path
) -> None:
    gateway.cuts.append(300_000)
    sent: list[int] = []
    await upload(gateway, photo, via=Via.QUICK, progress=sent.append)
    assert only_picture(gateway) == FILE
    assert sum(sent) == len(FILE)
    first, second = gateway.requests("POST")
    assert first.query["request_id"] == second.query["request_id"]


async def test_an_upload_that_expires_is_made_once_more(gateway: FakeGateway, photo: Path) -> None:
    gateway.cuts.append(400_000)

    def expire(count: int) -> None:
        if "upl_0" in gateway.uploads and gateway.uploads["upl_0"].data:
            gateway.uploads["upl_0"].upload.state = Upload.STATE_EXPIRED

    await upload(gateway, photo, via=Via.RESUMABLE, progress=expire)
    assert only_picture(gateway) == FILE
    assert set(gateway.uploads) == {"upl_0", "upl_1"}


async def test_uploads_that_expire_one_after_the_other_end(
    gateway: FakeGateway, photo: Path
) -> None:
    def expire(count: int) -> None:
        for kept in gateway.uploads.values():
            kept.upload.state = Upload.STATE_EXPIRED

    gateway.cuts.extend([400_000] * 3)
    error = await refused(gateway, photo, via=Via.RESUMABLE, progress=expire)
    assert error.reason is Reason.UPLOAD_EXPIRED
    assert len(gateway.uploads) == 3


async def test_more_bytes_than_the_file_has_are_not_believed(
    gateway: FakeGateway, photo: Path
) -> None:
    gateway.claimed_size = len(FILE) + 1
    error = await refused(gateway, photo, via=Via.RESUMABLE)
    assert (type(error), error.reason) == (FailedPrecondition, Reason.UPLOAD_OFFSET_WRONG)
    assert not gateway.images


@pytest.mark.parametrize("via", WAYS)
async def test_a_picture_of_other_bytes_is_not_believed(
    gateway: FakeGateway, photo: Path, via: Via
) -> None:
    gateway.claimed_sha256 = "00" * 32
    error = await refused(gateway, photo, via=via)
    assert (type(error), error.reason) == (FailedPrecondition, Reason.UPLOAD_DIGEST_WRONG)
    assert error.metadata == {"expected": SHA256, "received": "00" * 32}


@pytest.mark.parametrize("via", WAYS)
async def test_patience_ends(gateway: FakeGateway, photo: Path, via: Via) -> None:
    for operation in ("quick", "write", "complete"):
        gateway.refusals[operation] = deque([NOT_NOW] * 9)
    error = await refused(gateway, photo, via=via, patience_s=1.5)
    assert error.reason is Reason.STORAGE_UNAVAILABLE
    assert not gateway.images


async def test_what_pic_store_cannot_do_is_not_asked_for_ever(
    gateway: FakeGateway, photo: Path
) -> None:
    gateway.refusals["quick"] = deque([Internal.incident("x")] * 9)
    assert isinstance(await refused(gateway, photo), Internal)
    assert len(gateway.asked) == 4


@pytest.mark.parametrize("via", [Via.QUICK, Via.RESUMABLE])
async def test_a_refusal_is_final(gateway: FakeGateway, photo: Path, via: Via) -> None:
    refusal = InvalidArgument(Reason.IMAGE_UNRECOGNISED, "no picture")
    for operation in ("quick", "write"):
        gateway.refusals[operation] = deque([refusal])
    assert (await refused(gateway, photo, via=via)).reason is Reason.IMAGE_UNRECOGNISED
