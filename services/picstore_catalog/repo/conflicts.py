"""Changes that got in each other's way, said in the caller's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from picstore_kit.errors import Aborted, AlreadyExists, NotFound, Reason, Resource
from picstore_kit.pg.errors import ReferenceViolated, UniqueViolated, translated


@contextmanager
def conflicts_named(kind: str, keys: Mapping[str, tuple[str, str]]) -> Iterator[None]:
    """Say which field of a `kind` of object is taken, when a statement in the block finds out.

    `keys` are the field and its value by the name of the constraint. The transaction is lost.

    Raises:
        AlreadyExists: RESOURCE_EXISTS, naming the field.
    """
    try:
        with translated():
            yield
    except UniqueViolated as violated:
        if violated.constraint not in keys:
            raise
        field, value = keys[violated.constraint]
        raise AlreadyExists(
            Reason.RESOURCE_EXISTS,
            f"there is a {kind} with the {field} {value} already",
            metadata={"resource_type": kind, "field": field, "value": value},
        ) from violated


@contextmanager
def references_named(references: Mapping[str, Resource]) -> Iterator[None]:
    """Say what is gone that a statement in the block refers to: it was deleted just now.

    `references` are by the name of the constraint. The transaction is lost.

    Raises:
        NotFound: It names the object.
    """
    try:
        with translated():
            yield
    except ReferenceViolated as violated:
        if violated.constraint not in references:
            raise
        gone = references[violated.constraint]
        raise NotFound.of(gone.type, gone.name) from violated


def overtaken(resource: Resource) -> Aborted:
    """Return the error for a change of an object that another change was faster at."""
    return Aborted(
        Reason.CONFLICT_RETRY,
        f"{resource.name} was changed by somebody else just now; repeat the call",
        resource=resource,
        retry_after=0.1,
    )
