"""What becomes of an item, and where its outputs go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    InvalidField,
    NotFound,
    PicstoreError,
    Reason,
    ResourceExhausted,
    Unavailable,
)
from picstore_kit.net.download import DownloadFailed, Fault
from picstore_kit.net.urls import filename_of, host_of, url_fault, without_query
from picstore_upload.imports.model import (
    MAX_ATTEMPTS,
    MAX_RETRY_AFTER_S,
    PAUSES_S,
    ItemState,
    JobState,
    SourceFault,
    Standing,
    folders_of,
    is_wanted,
    joined,
    lost,
    pause_s,
    prefix_fault,
    settlement_of,
)
from picstore_upload.imports.remote import fault_of


@pytest.mark.parametrize(
    "error",
    [
        Unavailable(Reason.STORAGE_UNAVAILABLE, "away"),
        ResourceExhausted(Reason.OVERLOADED, "busy"),
        Aborted(Reason.LEASE_LOST, "late"),
        SourceFault(Reason.REMOTE_UNREACHABLE, "away", transient=True),
    ],
)
def test_what_may_pass_is_tried_again_until_the_last_attempt(
    error: PicstoreError | SourceFault,
) -> None:
    pauses = [settlement_of(error, attempt=attempt) for attempt in range(1, MAX_ATTEMPTS)]
    assert [pause.state for pause in pauses] == [ItemState.QUEUED] * 4
    assert [pause.pause_s for pause in pauses] == list(PAUSES_S)
    last = settlement_of(error, attempt=MAX_ATTEMPTS)
    assert (last.state, last.reason) == (ItemState.FAILED, error.reason)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (InvalidArgument(Reason.IMAGE_UNRECOGNISED, "what is it"), ItemState.REFUSED),
        (InvalidArgument(Reason.LIMIT_BYTES, "large"), ItemState.REFUSED),
        (InvalidArgument(Reason.UPLOAD_EMPTY, "empty"), ItemState.REFUSED),
        (InvalidArgument(Reason.CHILD_MEMORY, "deadly"), ItemState.REFUSED),
        (FailedPrecondition(Reason.PROFILE_YIELDS_NOTHING, "nothing"), ItemState.REFUSED),
        (FailedPrecondition(Reason.STORAGE_DENIED, "no"), ItemState.FAILED),
        (InvalidField("location", "is long"), ItemState.FAILED),
        (NotFound.of("Project", "prj_1"), ItemState.FAILED),
        (SourceFault(Reason.REMOTE_FORBIDDEN, "no", transient=False), ItemState.FAILED),
    ],
)
def test_what_never_passes_is_over_at_once(
    error: PicstoreError | SourceFault, state: ItemState
) -> None:
    settlement = settlement_of(error, attempt=1)
    assert (settlement.state, settlement.reason) == (state, error.reason)


def test_a_duplicate_that_is_refused_names_the_picture() -> None:
    error = AlreadyExists(Reason.IMAGE_DUPLICATE, "known", metadata={"image": "img_1"})
    settlement = settlement_of(error, attempt=1)
    assert (settlement.state, settlement.image_id) == (ItemState.DUPLICATE, "img_1")


@given(
    attempt=st.integers(1, MAX_ATTEMPTS - 1),
    jitter=st.floats(-1, 1),
    wanted=st.none() | st.floats(0, 1e9),
)
def test_pauses_are_bounded_and_as_long_as_the_other_side_wants(
    attempt: int, jitter: float, wanted: float | None
) -> None:
    pause = pause_s(attempt, jitter=jitter, wanted=wanted)
    usual = PAUSES_S[attempt - 1]
    assert 0.8 * usual - 1e-9 <= pause <= max(1.2 * usual, MAX_RETRY_AFTER_S) + 1e-9
    assert pause >= min(wanted or 0, MAX_RETRY_AFTER_S)


def test_attempts_that_are_all_lost_end_an_item() -> None:
    assert lost(MAX_ATTEMPTS) is None
    ending = lost(MAX_ATTEMPTS + 1)
    assert ending is not None
    assert (ending.state, ending.reason) == (ItemState.FAILED, Reason.ATTEMPTS_EXHAUSTED)


@pytest.mark.parametrize("state", JobState)
def test_an_attempt_goes_on_as_long_as_its_job_does(state: JobState) -> None:
    ending = Standing(state=state, failure_reason="X", failure_message="y").ending()
    assert (ending is None) is (state in (JobState.QUEUED, JobState.RUNNING))
    if ending is not None and state is JobState.FAILED:
        assert (ending.state, ending.reason) == (ItemState.FAILED, "X")


@pytest.mark.parametrize(
    ("key", "prefix", "folders"),
    [
        ("a.jpg", "", ""),
        ("x/y/a.jpg", "", "x/y"),
        ("photos/2026/may/a.jpg", "photos/", "2026/may"),
        ("photos/2026/may/a.jpg", "photos", "2026/may"),
        ("photos/2026/may/a.jpg", "photos/20", "2026/may"),
        ("photos/2026/a.jpg", "photos/2026/a.jpg", ""),
        ("photos/2026/a.jpg", "photos/2026/a", ""),
    ],
)
def test_a_picture_keeps_the_folders_below_the_prefix(key: str, prefix: str, folders: str) -> None:
    assert folders_of(key, prefix) == folders


def test_folders_go_below_those_of_the_job() -> None:
    assert joined("blog/", "2026/may") == "blog/2026/may"
    assert joined("", "x") == "x"
    assert joined("blog", "") == "blog"


def test_folders_and_what_is_ours_are_no_items() -> None:
    keys = ("a.jpg", "x/", "incoming/upl_1", "x/incoming/a.jpg")
    assert [is_wanted(key) for key in keys] == [True, False, False, True]


@pytest.mark.parametrize("prefix", ["/a", "a/../b", "..", "a\nb", "x" * 1025, "ü" * 600])
def test_a_prefix_that_no_key_begins_with_is_refused(prefix: str) -> None:
    assert prefix_fault(prefix) is not None


@pytest.mark.parametrize("prefix", ["", "a", "a/b/", "ü/..b"])
def test_other_prefixes_are_taken(prefix: str) -> None:
    assert prefix_fault(prefix) is None


@given(st.text(max_size=200))
def test_any_text_is_a_url_or_is_said_not_to_be(text: str) -> None:
    for url in (text, f"http://{text}", f"https://example.org/{text}"):
        if url_fault(url) is None:
            assert host_of(url)
            assert "?" not in without_query(url)
            assert "/" not in filename_of(url) or "%2f" in url.lower()


@pytest.mark.parametrize(
    ("url", "filename"),
    [
        ("http://a.example/x/y.jpg?z=/w", "y.jpg"),
        ("http://a.example/x/", ""),
        ("http://a.example", ""),
        ("http://a.example/a%20b.jpg#c", "a b.jpg"),
    ],
)
def test_a_file_is_called_what_its_path_ends_with(url: str, filename: str) -> None:
    assert filename_of(url) == filename


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_of_a_download_has_a_reason(fault: Fault) -> None:
    failed = DownloadFailed(fault, "why", host="a.example", status=404)
    assert fault_of(failed).message == "why"


@pytest.mark.parametrize(
    ("status", "transient"),
    [
        *((status, False) for status in (204, 304, 400, 401, 403, 404, 410)),
        *((status, True) for status in (408, 429, 500, 502, 503, 504)),
    ],
)
def test_statuses_pass_or_do_not(status: int, transient: bool) -> None:
    failed = DownloadFailed(Fault.STATUS, "why", status=status, retry_after=7)
    fault = fault_of(failed)
    assert (fault.transient, fault.retry_after) == (transient, 7)
