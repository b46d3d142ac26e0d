"""The converter: takes jobs from the bus and makes outputs of originals, in sandboxed children."""

from __future__ import annotations
