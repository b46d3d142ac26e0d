"""Exit codes."""

from __future__ import annotations

import json

import pytest
import typer

from picstore_cli.running import exit_code, run
from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    Internal,
    InvalidField,
    NotFound,
    PermissionDenied,
    PicstoreError,
    Reason,
    Unauthenticated,
    Unavailable,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidField("a", "must be b"), 2),
        (NotFound.of("Image", "img_1"), 3),
        (Unauthenticated(Reason.CREDENTIAL_EXPIRED, "x"), 4),
        (PermissionDenied.missing("image:read"), 4),
        (FailedPrecondition(Reason.OPERATOR_MANAGED, "x"), 4),
        (AlreadyExists(Reason.RESOURCE_EXISTS, "x"), 5),
        (Aborted(Reason.ETAG_MISMATCH, "x"), 5),
        (FailedPrecondition(Reason.RESOURCE_IN_USE, "x"), 5),
        (FailedPrecondition(Reason.LAST_ADMIN, "x"), 5),
        (Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "x", retry_after=1.0), 6),
        (Internal.incident("x"), 1),
        (FailedPrecondition(Reason.STORAGE_TEST_FAILED, "x"), 1),
    ],
    ids=lambda value: value.reason.value if isinstance(value, PicstoreError) else "",
)
def test_an_error_has_an_exit_code(error: PicstoreError, code: int) -> None:
    assert exit_code(error) == code


def test_programs_are_told_of_an_error_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    async def work() -> None:
        raise InvalidField("project.short_name", "must be shorter")

    with pytest.raises(typer.Exit) as caught:
        run(work(), as_json=True)
    assert caught.value.exit_code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    error = json.loads(captured.err)["error"]
    assert error["reason"] == "FIELD_INVALID"
    assert error["violations"] == [
        {"field": "project.short_name", "description": "must be shorter"}
    ]
