"""Between protos and the catalog's own values; pure."""

from __future__ import annotations
