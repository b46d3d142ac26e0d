"""What every Pic Store process needs, with no picture code in it."""

from __future__ import annotations
