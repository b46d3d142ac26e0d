"""What the catalog does: functions that work within one transaction, one module for each noun."""

from __future__ import annotations
