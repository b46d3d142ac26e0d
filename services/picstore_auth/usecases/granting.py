"""Nobody gives away what they do not hold."""

from __future__ import annotations

from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Grants, uncovered
from picstore_kit.errors import PermissionDenied, Resource


def refuse_giving_unheld(caller: Caller, grants: Grants) -> None:
    """Refuse callers who would give grants that they lack, and so raise themselves or a friend.

    Raises:
        PermissionDenied: It names the first permission, and the project if it is about one.
    """
    for grant in uncovered(grants, caller.grants):
        project_id = grant.project_id
        raise PermissionDenied.missing(
            grant.permission,
            resource=Resource(type="Project", name=project_id) if project_id else None,
        )
