"""The catalog: projects, where and how their pictures are kept, and what became of each."""

from __future__ import annotations
