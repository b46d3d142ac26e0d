"""How alike two pictures look: what an automatic quality is measured by."""

from __future__ import annotations
