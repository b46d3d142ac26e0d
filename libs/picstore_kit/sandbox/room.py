"""The room of a child: the only place on the disk that it shares with its parent."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from picstore_kit.scratch import scratch_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Two directories of one child, which no other child can look into; empty between calls."""

    given: Path
    """Where it finds what it is to work on; it can write nothing there."""
    made: Path
    """Where it puts what it makes; also its working directory, and that of its temporary files."""

    @classmethod
    def furnish(cls, directory: Path) -> Self:
        """Make the room in a directory that is new.

        Raises:
            OSError: The disk is full or does not work.
        """
        room = cls(given=directory / "given", made=directory / "made")
        room.given.mkdir()
        room.made.mkdir()
        return room

    def give(self, path: Path, name: str) -> Path:
        """Let the child read a file, which stays where it is, and return where the child finds it.

        It is a second name of the same file, which costs nothing, however large it is, and must be
        on the same file system. The child can't write to it: what it may do it may do by the path,
        and it cannot give the file a name anywhere else.

        Raises:
            ScratchUnavailable: The disk is full or does not work.
        """
        place = self.given / name
        with scratch_errors():
            os.link(path, place)
        return place

    def clear(self) -> None:
        """Remove the files that are in it. Blocks.

        Raises:
            OSError: Something cannot be removed, as it is no file.
        """
        for directory in (self.given, self.made):
            with os.scandir(directory) as entries:
                for entry in entries:
                    os.unlink(entry.path)
