"""What is common to objects whose content is counted in revisions that never change."""

from __future__ import annotations

from typing import Protocol

from picstore_kit.ids import ProjectId


class Revisioned(Protocol):
    """An object, of one project or of the whole team, at one of its revisions."""

    @property
    def id(self) -> str:
        """Its id, of a kind of its own."""

    @property
    def project_id(self) -> ProjectId | None:
        """The only project that may use it; None for all of the team's."""

    @property
    def short_name(self) -> str:
        """Unique in the team."""

    @property
    def display_name(self) -> str:
        """For people; it can change without a new revision."""

    @property
    def revision(self) -> int:
        """Counts the changes of its content, from 1."""


class Revision(Protocol):
    """The content that an object had from one change to the next."""

    @property
    def revision(self) -> int:
        """Counts, from 1."""
