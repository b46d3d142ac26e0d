"""Grants as the queries carry them: JSON pairs of permission and project id, and back."""

from __future__ import annotations

from collections.abc import Sequence

from picstore_auth.model.grant import Grant, Grants, Permission, normalised
from picstore_kit.ids import ProjectId

GrantPairs = Sequence[tuple[str, str]]
"""Permission and project id; an empty id is the team and all of its projects."""


def from_pairs(pairs: GrantPairs) -> Grants:
    """Read grants from a column made by `jsonb_agg(jsonb_build_array(permission, project_id))`."""
    return normalised(
        Grant(
            permission=Permission(permission),
            project_id=ProjectId(project_id) if project_id else None,
        )
        for permission, project_id in pairs
    )


def to_columns(grants: Grants) -> tuple[list[str], list[str]]:
    """Return the permissions and the project ids, in step, for `unnest`."""
    return (
        [grant.permission.value for grant in grants],
        [grant.project_id or "" for grant in grants],
    )
