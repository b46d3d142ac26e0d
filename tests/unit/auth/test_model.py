"""The rules among grants, and what names may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore.options.v1 import permission_pb2
from picstore_auth.model.caller import Caller, operator_of
from picstore_auth.model.grant import (
    TEAM_LEVEL,
    Grant,
    Grants,
    Permission,
    common,
    covered,
    essential,
    grant_fault,
    normalised,
    uncovered,
)
from picstore_auth.model.text import display_name_fault, email_fault, short_name_fault
from picstore_kit.ids import ProjectId, TeamId, UserId, new_id
from picstore_kit.rpc.auth import permission_name

ADMIN = Grant(permission=Permission.TEAM_ADMIN)
RED, BLUE = ProjectId("prj_red"), ProjectId("prj_blue")

grants = st.builds(
    Grant,
    permission=st.sampled_from(Permission),
    project_id=st.sampled_from([None, RED, BLUE]),
).filter(lambda grant: grant_fault(grant) is None)
sets = st.lists(grants, max_size=6).map(normalised)


def on(permission: Permission, project_id: ProjectId | None = None) -> Grant:
    return Grant(permission=permission, project_id=project_id)


def test_permissions_are_those_of_the_contract() -> None:
    contract = {permission_name(number) for number in permission_pb2.Permission.values() if number}
    assert contract == set(Permission)


def test_grant_on_the_team_covers_every_project() -> None:
    everywhere = on(Permission.IMAGE_READ)
    assert everywhere.covers(on(Permission.IMAGE_READ, RED))
    assert not on(Permission.IMAGE_READ, RED).covers(everywhere)
    assert not on(Permission.IMAGE_READ, RED).covers(on(Permission.IMAGE_READ, BLUE))
    assert not everywhere.covers(on(Permission.IMAGE_EDIT, RED))


@given(grants)
def test_administrators_hold_everything(grant: Grant) -> None:
    assert ADMIN.covers(grant)
    assert grant == ADMIN or not grant.covers(ADMIN)


@given(grants)
def test_every_grant_covers_itself(grant: Grant) -> None:
    assert grant.covers(grant)


@given(grants, grants)
def test_meet_is_the_most_that_both_cover(one: Grant, other: Grant) -> None:
    both = one.meet(other)
    assert both == other.meet(one)
    if both is not None:
        assert one.covers(both)
        assert other.covers(both)


@given(grants, grants, grants)
def test_what_two_grants_cover_their_meet_covers(one: Grant, other: Grant, third: Grant) -> None:
    both = one.meet(other)
    assert (one.covers(third) and other.covers(third)) == (both is not None and both.covers(third))


@given(sets, sets, grants)
def test_limited_key_allows_what_it_and_its_user_hold(key: Grants, user: Grants, g: Grant) -> None:
    assert covered(g, common(key, user)) == (covered(g, key) and covered(g, user))


@given(sets)
def test_nothing_is_missing_from_what_one_holds(held: Grants) -> None:
    assert uncovered(held, held) == ()
    assert uncovered(held, (ADMIN,)) == ()


@given(sets, sets)
def test_uncovered_names_exactly_what_is_not_held(wanted: Grants, held: Grants) -> None:
    missing = uncovered(wanted, held)
    assert all(covered(grant, held) != (grant in missing) for grant in wanted)


@given(sets, grants)
def test_essential_grants_allow_the_same(held: Grants, grant: Grant) -> None:
    assert covered(grant, essential(held)) == covered(grant, held)


@given(sets)
def test_no_essential_grant_covers_another(held: Grants) -> None:
    few = essential(held)
    assert not any(a.covers(b) for a in few for b in few if a != b)


def test_callers_hold_team_permissions_by_grants_on_the_team_only() -> None:
    caller = Caller(
        team_id=new_id(TeamId),
        user_id=new_id(UserId),
        key_id=None,
        grants=(on(Permission.IMAGE_READ, RED), on(Permission.TEAM_READ)),
    )
    assert caller.holds(Permission.TEAM_READ)
    assert not caller.holds(Permission.TEAM_WRITE)
    assert not caller.holds(Permission.IMAGE_READ)


def test_operator_holds_every_permission_of_the_team() -> None:
    operator = operator_of(new_id(TeamId))
    assert all(operator.holds(permission) for permission in Permission)


@pytest.mark.parametrize("permission", sorted(TEAM_LEVEL))
def test_permissions_about_the_team_are_not_granted_on_a_project(permission: Permission) -> None:
    assert grant_fault(on(permission, RED)) is not None
    assert grant_fault(on(permission)) is None


@pytest.mark.parametrize("name", ["a", "blog", "my-blog-2", "0", "x" * 63])
def test_short_names_that_are_good(name: str) -> None:
    assert short_name_fault(name) is None


@pytest.mark.parametrize("name", ["", "-a", "a-", "Blog", "a_b", "a b", "x" * 64, "é", "a\n"])
def test_short_names_that_are_not(name: str) -> None:
    assert short_name_fault(name) is not None


@pytest.mark.parametrize("email", ["a@b", "ann.lee+x@example.org", "müller@exämple.de"])
def test_addresses_that_are_good(email: str) -> None:
    assert email_fault(email) is None


@pytest.mark.parametrize(
    "email", ["", "a", "@b", "a@", "a b@c", "a@b@c", "a@b\n", "a\0@b", "a" * 253 + "@b"]
)
def test_addresses_that_are_not(email: str) -> None:
    assert email_fault(email) is not None


@pytest.mark.parametrize(
    ("name", "good"),
    [("", True), ("Ann Lee ✓", True), ("می\u200cشود", True), ("a\nb", False), ("a\0", False)],
)
def test_display_names_are_one_line(name: str, good: bool) -> None:
    assert (display_name_fault(name) is None) is good


def test_display_names_have_an_end() -> None:
    assert display_name_fault("x" * 200) is None
    assert display_name_fault("x" * 201) is not None
