"""Teams."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from picstore_kit.ids import TeamId


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """The tenant."""

    id: TeamId
    short_name: str
    display_name: str
    created_at: datetime
