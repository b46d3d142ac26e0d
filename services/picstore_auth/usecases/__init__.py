"""What auth does, one noun per module; each use-case is one transaction."""

from __future__ import annotations
