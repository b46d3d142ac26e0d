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
