"""The Python SDK of Pic Store."""

from __future__ import annotations
