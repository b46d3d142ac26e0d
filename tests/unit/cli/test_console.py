"""What people and programs read."""

from __future__ import annotations

import pytest

from picstore.catalog.v1.conversion_pb2 import FORMAT_AVIF, FORMAT_WEBP, OutputSpec
from picstore.catalog.v1.image_pb2 import Image, Output
from picstore_cli.console import complain, fail, print_outputs, size, write
from picstore_kit.errors import InvalidField, NotFound, Reason, Unauthenticated


def test_programs_get_lines_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    line = "[bold]" + "x" * 500
    write(line)
    assert capsys.readouterr().out == f"{line}\n"


def test_an_error_is_on_standard_error_with_its_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    complain(NotFound.of("Image", "img_1"), subject="[red]dog[/].jpg")
    captured = capsys.readouterr()
    assert captured.out == ""
    expected = "error: [red]dog[/].jpg: there is no Image img_1 (RESOURCE_NOT_FOUND)"
    assert captured.err.splitlines()[0] == expected


def test_an_error_says_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    complain(Unauthenticated(Reason.CREDENTIAL_MISSING, "who are you?"))
    assert "hint: log in by `picstore login`, or set PICSTORE_API_KEY" in capsys.readouterr().err


def test_an_error_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    complain(InvalidField("x", "must be " + "y " * 200))
    error, hint = capsys.readouterr().err.splitlines()
    assert error.endswith("(FIELD_INVALID)")
    assert hint.startswith("hint: ")


def test_an_error_of_the_system_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    complain(IsADirectoryError(21, "Is a directory"), subject="x")
    fail("[/] is no markup")
    assert capsys.readouterr().err == "error: x: Is a directory\nerror: [/] is no markup\n"


def test_outputs_that_were_not_made_are_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    def output(state: Output.State.ValueType, reason: str = "", width: int = 0) -> Output:
        return Output(
            spec=OutputSpec(format=FORMAT_AVIF, width=width, height=1, density=1),
            state=state,
            reason=reason,
        )

    print_outputs(
        Image(
            filename="[b]dog.jpg",
            width=10,
            height=20,
            outputs=[
                Output(
                    spec=OutputSpec(format=FORMAT_WEBP, density=2),
                    state=Output.STATE_READY,
                    width=10,
                    height=20,
                    size_bytes=2345,
                ),
                output(Output.STATE_FAILED, "ENCODE_FAILED", 640),
                output(Output.STATE_SKIPPED, "WOULD_ENLARGE", 960),
                output(Output.STATE_SKIPPED, "WOULD_ENLARGE", 1280),
                output(Output.STATE_SKIPPED, "OF_TOMORROW", 1920),
            ],
        )
    )
    text = capsys.readouterr().out
    assert "[b]dog.jpg: 10×20" in text
    assert "2.3 kB" in text
    assert "failed: ENCODE_FAILED" in text
    assert "960" not in text
    assert "2 not made: the original is smaller (WOULD_ENLARGE)" in text
    assert "1 not made: skipped (OF_TOMORROW)" in text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB")]
)
def test_sizes_are_written_for_people(count: int, text: str) -> None:
    assert size(count) == text
