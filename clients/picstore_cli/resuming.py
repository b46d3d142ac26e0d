"""Where uploads that were interrupted are remembered, so that the same command goes on."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Final

import platformdirs

_KEPT_S: Final = 30 * 86_400
"""For longer than any upload lasts."""


def state_of(gateway: str, project_id: str, sha256: str) -> Path:
    """Return the file that remembers the upload of certain bytes to a project; it may not exist."""
    key = "\0".join((gateway, project_id, sha256))
    return _folder() / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def forget_old() -> None:
    """Delete what is remembered of uploads that have expired long ago."""
    now = time.time()
    for path in _folder().glob("*.json"):
        try:
            if now - path.stat().st_mtime > _KEPT_S:
                path.unlink()
        except OSError:
            continue  # another process was faster, or it is not ours to delete


def _folder() -> Path:
    return platformdirs.user_cache_path("picstore", appauthor=False) / "uploads"
