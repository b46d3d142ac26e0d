"""When a generation of outputs becomes what pages get."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore_catalog.model.image import ImageState, Settled, Tally, settle
from picstore_catalog.model.job import Failure
from picstore_catalog.model.output import StoredFile, check_file
from picstore_kit.errors import InvalidField, Reason

BROKEN = Failure(reason=Reason.IMAGE_CORRUPT, message="the picture cannot be read")


def tally(*, open: int, awaited_open: int, ready: int, failed: bool = False) -> Tally:
    return Tally(
        open=open,
        awaited_open=awaited_open,
        ready=ready,
        first_failure=BROKEN if failed else None,
    )


def test_a_picture_waits_for_the_outputs_that_it_needs() -> None:
    assert settle(tally(open=1, awaited_open=1, ready=3), serves=False) is None


def test_a_picture_does_not_wait_for_the_slow_lane() -> None:
    ready = Settled(state=ImageState.READY)
    assert settle(tally(open=2, awaited_open=0, ready=1), serves=False) == ready


def test_one_ready_output_is_enough() -> None:
    ready = Settled(state=ImageState.READY)
    assert settle(tally(open=0, awaited_open=0, ready=1, failed=True), serves=False) == ready


def test_a_picture_is_failed_only_when_nothing_can_come_of_it_any_more() -> None:
    assert settle(tally(open=1, awaited_open=0, ready=0, failed=True), serves=False) is None
    assert settle(tally(open=0, awaited_open=0, ready=0, failed=True), serves=False) == Settled(
        state=ImageState.FAILED, failure=BROKEN
    )


def test_a_picture_that_is_served_stays_so_where_nothing_comes_of_the_next_original() -> None:
    settled = settle(tally(open=0, awaited_open=0, ready=0, failed=True), serves=True)

    assert settled == Settled(state=ImageState.READY, failure=BROKEN)
    assert settled.keeps_served


@pytest.mark.parametrize("serves", [True, False])
def test_a_whole_generation_takes_the_place_of_the_one_before(serves: bool) -> None:
    settled = settle(tally(open=1, awaited_open=0, ready=2, failed=True), serves=serves)

    assert settled == Settled(state=ImageState.READY)
    assert not settled.keeps_served


@given(
    ready=st.integers(0, 5),
    awaited=st.integers(0, 5),
    joining=st.integers(0, 5),
    serves=st.booleans(),
)
def test_a_generation_settles_exactly_once_it_is_whole(
    ready: int, awaited: int, joining: int, serves: bool
) -> None:
    counted = tally(open=awaited + joining, awaited_open=awaited, ready=ready, failed=True)
    settled = settle(counted, serves=serves)

    assert (settled is not None) == (
        (ready > 0 and awaited == 0) or (awaited == 0 and joining == 0)
    )


FOLDER = "blog/web/photo-img_1"


def stored_file(**fields: object) -> StoredFile:
    usual = {
        "object_key": f"{FOLDER}/400x267-0123456789.avif",
        "width": 400,
        "height": 267,
        "size_bytes": 9000,
        "sha256": bytes(32),
        "encode_cpu_ms": 0,
    }
    return StoredFile(**{**usual, **fields})  # type: ignore[arg-type]  # wrong ones, too


def test_a_file_in_the_folder_of_its_job_is_accepted() -> None:
    check_file(stored_file(), prefix=FOLDER)


@pytest.mark.parametrize(
    "key",
    [
        "",
        FOLDER,
        f"{FOLDER}/",
        f"{FOLDER}/..",
        f"{FOLDER}/../other.avif",
        f"{FOLDER}/deeper/400.avif",
        f"{FOLDER}2/400.avif",
        f"/{FOLDER}/400.avif",
        "blog/web/photo-img_2/400.avif",
    ],
)
def test_a_file_elsewhere_is_refused(key: str) -> None:
    with pytest.raises(InvalidField, match="output_key_prefix"):
        check_file(stored_file(object_key=key), prefix=FOLDER)


@pytest.mark.parametrize(
    "fields",
    [{"width": 0}, {"height": -1}, {"size_bytes": 0}, {"sha256": b"short"}, {"encode_cpu_ms": -1}],
    ids=lambda fields: next(iter(fields)),
)
def test_an_impossible_file_is_refused(fields: dict[str, object]) -> None:
    (name,) = fields
    with pytest.raises(InvalidField, match=name):
        check_file(stored_file(**fields), prefix=FOLDER)
