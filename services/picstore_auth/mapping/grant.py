"""Permissions and grants."""

from __future__ import annotations

from collections.abc import Collection

from picstore.auth.v1 import authentication_pb2
from picstore.options.v1 import permission_pb2
from picstore_auth.model.grant import (
    Grant,
    Grants,
    Permission,
    grant_fault,
    grants_fault,
    normalised,
)
from picstore_kit.ids import ProjectId
from picstore_kit.rpc.auth import permission_name, permission_number
from picstore_kit.violations import Violations


def permission_from(
    number: permission_pb2.Permission.ValueType, path: str, violations: Violations
) -> Permission | None:
    """Read a permission; None, and noted, if it is none that can be granted."""
    if number not in permission_pb2.Permission.values() or not number:
        violations.add(path, "must be one of the permissions")
        return None
    return Permission(permission_name(number))


def grants_from(
    messages: Collection[authentication_pb2.Grant], path: str, violations: Violations
) -> Grants:
    """Read the grants that stand at `path`; what is wrong with them is noted."""
    violations.add(path, grants_fault(messages))
    grants = []
    for index, message in enumerate(messages):
        place = f"{path}[{index}]"
        permission = permission_from(message.permission, f"{place}.permission", violations)
        project_id = violations.optional_id(ProjectId, message.project_id, f"{place}.project_id")
        if permission is not None:
            grant = Grant(permission=permission, project_id=project_id)
            violations.add(f"{place}.project_id", grant_fault(grant))
            grants.append(grant)
    return normalised(grants)


def grant_messages(grants: Grants) -> list[authentication_pb2.Grant]:
    """Write grants."""
    return [
        authentication_pb2.Grant(
            permission=permission_number(grant.permission), project_id=grant.project_id or ""
        )
        for grant in grants
    ]
