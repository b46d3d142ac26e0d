"""Connections to places that somebody else names: what may be reached, and how it is asked."""

from __future__ import annotations
