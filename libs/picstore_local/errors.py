"""What can keep the embedded stack from running; every message says what to do."""

from __future__ import annotations


class LocalError(Exception):
    """The embedded stack cannot do what it was asked; the message is for the person who asked."""


class AlreadyRunning(LocalError):
    """Another process runs the stack on the same data directory."""


class PortTaken(LocalError):
    """A port that must stay the same belongs to another program now."""


class ServerFailed(LocalError):
    """A server or service did not start, or ended by itself."""

    def __init__(self, summary: str, last_lines: str = "") -> None:
        super().__init__(summary + last_lines)
        self.summary = summary
        """What happened, in one line and without its output."""
