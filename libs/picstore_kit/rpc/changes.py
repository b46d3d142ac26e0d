"""What a bootstrap changed, as the contract says it."""

from __future__ import annotations

from typing import Final

from picstore.auth.v1 import bootstrap_pb2
from picstore_kit.changes import Action, Change

_ACTIONS: Final = {
    Action.UNCHANGED: bootstrap_pb2.BOOTSTRAP_ACTION_UNCHANGED,
    Action.CREATED: bootstrap_pb2.BOOTSTRAP_ACTION_CREATED,
    Action.UPDATED: bootstrap_pb2.BOOTSTRAP_ACTION_UPDATED,
}


def change_to_proto(change: Change) -> bootstrap_pb2.BootstrapChange:
    """Return the message that tells of a change."""
    return bootstrap_pb2.BootstrapChange(
        kind=change.kind,
        name=change.name,
        action=_ACTIONS[change.action],
        fields=[
            bootstrap_pb2.BootstrapFieldChange(
                field=field.field, old_value=field.old, new_value=field.new
            )
            for field in change.fields
        ],
    )
