"""What the catalog knows, as values and rules; pure."""

from __future__ import annotations
