"""Bench: all of imaging in one run."""

from __future__ import annotations

from tests.perf.imaging import avif, first_output, ladder, memory, task


def run() -> dict[str, float]:
    """Measure, print tables, and return the figures of all.

    Raises:
        NoPhotos: None of the photos named fits.
        PeerFailed: A peer that is installed does not work.
        NotConverted: A photo could not be converted.
    """
    return {
        **ladder.run(),
        **task.run(),
        **first_output.run(),
        **memory.run(),
        **avif.run(),
    }
