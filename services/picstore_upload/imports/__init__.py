"""Pictures that Pic Store fetches itself, from URLs and from buckets."""

from __future__ import annotations
