"""Every target, by name."""

from __future__ import annotations

from typing import Final

from tests.fuzz import containers, metadata, requests, texts
from tests.fuzz.target import Target

TARGETS: Final[dict[str, Target]] = {
    **containers.TARGETS,
    **metadata.TARGETS,
    **requests.TARGETS,
    **texts.TARGETS,
}
