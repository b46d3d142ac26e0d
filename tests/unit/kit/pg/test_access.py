"""What a principal's grants come to in a statement."""

from __future__ import annotations

import pytest

from picstore.options.v1.permission_pb2 import Permission
from picstore_kit.errors import PermissionDenied
from picstore_kit.ids import ProjectId, TeamId, UserId, new_id
from picstore_kit.pg.access import Access, Reach
from picstore_kit.rpc.auth import Grant, Principal, permission_name

TEAM, USER = new_id(TeamId), new_id(UserId)
BLOG, SHOP = new_id(ProjectId), new_id(ProjectId)

PERMISSIONS = [permission_name(number) for number in Permission.values() if number]


def access(permission: str, *grants: Grant) -> Access:
    return Access.of(Principal(team_id=TEAM, user_id=USER, grants=grants), permission)


def test_a_grant_on_a_project_reaches_it_and_no_other() -> None:
    found = access("project:read", Grant(permission="project:read", project_id=BLOG))

    assert found.allowed == found.visible == Reach(project_ids=(BLOG,))
    assert found.allowed.includes(BLOG)
    assert not found.allowed.includes(new_id(ProjectId))


def test_a_grant_on_the_team_reaches_everything() -> None:
    found = access(
        "project:read",
        Grant(permission="project:read", project_id=BLOG),
        Grant(permission="project:read"),
    )

    assert found.allowed.everywhere
    assert found.allowed.includes(new_id(ProjectId))
    assert found.visible.everywhere


def test_any_grant_makes_visible_but_only_the_right_one_allows() -> None:
    found = access(
        "project:write",
        Grant(permission="project:write", project_id=BLOG),
        Grant(permission="image:read", project_id=SHOP),
    )

    assert found.allowed.project_ids == (BLOG,)
    assert set(found.visible.project_ids) == {BLOG, SHOP}
    assert not found.visible.everywhere


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_the_admin_is_allowed_everything(permission: str) -> None:
    assert access(permission, Grant(permission="team:admin")).allowed.everywhere


def test_what_the_team_shares_is_read_by_who_reads_some_project() -> None:
    reader = access("project:read", Grant(permission="project:read", project_id=BLOG))

    assert reader.parameters()["allowed_on_shared"] is True


def test_what_the_team_shares_is_written_by_grants_on_the_team_only() -> None:
    permission = "conversion_profile:write"
    on_one = access(permission, Grant(permission=permission, project_id=BLOG))
    on_all = access(permission, Grant(permission=permission))

    assert on_one.parameters()["allowed_on_shared"] is False
    assert on_all.parameters()["allowed_on_shared"] is True


def test_without_grants_nothing_is_visible() -> None:
    found = access("project:read")

    assert not found.allowed
    assert not found.visible
    with pytest.raises(PermissionDenied) as refused:
        found.require_somewhere()
    assert refused.value.metadata == {"permission": "project:read"}


def test_a_service_that_acts_for_nobody_has_no_access() -> None:
    with pytest.raises(PermissionDenied):
        Access.of(Principal(service="upload"), "project:read")
