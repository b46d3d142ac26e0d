"""Everything that is wrong with a request, told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from picstore_kit.errors import FieldViolation, InvalidFields
from picstore_kit.ids import parse_id

IdT = TypeVar("IdT", bound=str)


class Violations:
    """What was found wrong so far."""

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []

    def add(self, field: str, fault: str | None) -> None:
        """Note a fault of `field`, unless it is None; the text continues "the field …"."""
        if fault is not None:
            self._found.append(FieldViolation(field=field, description=fault))

    def extend(self, path: str, violations: InvalidFields) -> None:
        """Note what was found in a part of the request that stands at `path`."""
        for violation in violations.violations:
            self.add(f"{path}.{violation.field}", violation.description)

    def id(self, kind: Callable[[str], IdT], text: str, field: str) -> IdT:
        """Read an id; a wrong one is noted and returned as it is."""
        try:
            return parse_id(kind, text, field=field)
        except InvalidFields as error:
            self._found.extend(error.violations)
            return kind(text)

    def optional_id(self, kind: Callable[[str], IdT], text: str, field: str) -> IdT | None:
        """Read an id that may be left out."""
        return self.id(kind, text, field) if text else None

    def refuse(self) -> None:
        """Raise `InvalidFields` if anything was found."""
        if self._found:
            raise InvalidFields(self._found)


@contextmanager
def all_at_once() -> Iterator[Violations]:
    """Collect violations in the block and refuse them together at its end.

    Raises:
        InvalidFields: Something was found.
    """
    violations = Violations()
    yield violations
    violations.refuse()
