"""What a person reads while the stack runs."""

from __future__ import annotations

import io

import pytest

from picstore_local.reporter import StreamReporter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_carry_the_name_of_their_service() -> None:
    stream = io.StringIO()
    reporter = StreamReporter(stream, environ={})
    reporter.line("auth", "hello")
    reporter.ready("converter-2", 1.25)
    assert stream.getvalue() == "auth        │ hello\nconverter-2 │ ready after 1.2 s\n"


def test_every_line_of_a_long_message_has_the_prefix() -> None:
    stream = io.StringIO()
    StreamReporter(stream, environ={}).trouble("auth", "it died\n  last line")
    assert stream.getvalue() == "auth        │ it died\nauth        │   last line\n"


@pytest.mark.parametrize(
    ("stream", "environ", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    stream: io.StringIO, environ: dict[str, str], coloured: bool
) -> None:
    StreamReporter(stream, environ=environ).line("auth", "hello")
    assert ("\x1b[" in stream.getvalue()) is coloured
