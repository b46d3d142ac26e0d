"""A target that cannot be imported."""

from __future__ import annotations

raise ImportError("this library is missing")
