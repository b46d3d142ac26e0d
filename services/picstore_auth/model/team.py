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
    disabled: bool
    """Closed by the operator: no credential of it is accepted."""
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTeam:
    """A team to make."""

    short_name: str
    display_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamUpdate:
    """What to change of a team; None leaves it as it is."""

    team_id: TeamId
    etag: str = ""
    """The etag that the team must have; empty for any."""
    display_name: str | None = None
