"""The command line of Pic Store."""

from __future__ import annotations
