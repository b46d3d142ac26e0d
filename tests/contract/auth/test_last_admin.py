"""A team keeps somebody who can administer it, also when two changes come at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from google.protobuf.empty_pb2 import Empty

from picstore.auth.v1 import authentication_pb2, role_pb2, user_pb2
from picstore.options.v1.permission_pb2 import PERMISSION_TEAM_ADMIN
from picstore_kit.errors import (
    Aborted,
    FailedPrecondition,
    PermissionDenied,
    PicstoreError,
    Reason,
    Unauthenticated,
)
from tests.contract.auth.calls import refusal, update_role, update_user
from tests.contract.auth.clients import Client, Connect, Team, found_team

TWO_ADMINS = {"one": [PERMISSION_TEAM_ADMIN], "two": [PERMISSION_TEAM_ADMIN]}
ROUNDS = 5
"""How often two calls are sent at once, so that they meet at different points."""


async def user_of(client: Client) -> user_pb2.User:
    principal = await client.authentication.GetPrincipal(authentication_pb2.GetPrincipalRequest())
    request = user_pb2.GetUserRequest(user_id=principal.user_id)
    return await client.users.GetUser(request)


async def disable(client: Client, user: user_pb2.User) -> user_pb2.User:
    return await update_user(client, user_pb2.User(id=user.id, disabled=True), "disabled")


async def delete(client: Client, user: user_pb2.User) -> Empty:
    return await client.users.DeleteUser(user_pb2.DeleteUserRequest(user_id=user.id))


async def take_grants(client: Client, role_id: str) -> role_pb2.Role:
    return await update_role(client, role_pb2.Role(id=role_id), "grants")


def is_last_admin(error: PicstoreError) -> bool:
    return isinstance(error, FailedPrecondition) and error.reason is Reason.LAST_ADMIN


async def test_last_admin_is_neither_disabled_nor_deleted_nor_left_without_the_role(
    admin: Client,
) -> None:
    user = await user_of(admin)
    for attempt in (
        disable(admin, user),
        delete(admin, user),
        update_user(admin, user_pb2.User(id=user.id), "role_ids"),
        take_grants(admin, user.role_ids[0]),
    ):
        assert is_last_admin(await refusal(attempt))
    assert await user_of(admin) == user


async def test_one_of_two_admins_may_go(operator: Client, connect: Connect) -> None:
    for go in (disable, delete):
        team = await found_team(operator, connect, TWO_ADMINS)
        await go(team["one"], await user_of(team["two"]))
        error = await refusal(go(team["one"], await user_of(team["one"])))
        assert is_last_admin(error)


async def test_disabled_admin_does_not_count(operator: Client, connect: Connect) -> None:
    team = await found_team(operator, connect, TWO_ADMINS)
    one, two = await user_of(team["one"]), await user_of(team["two"])
    await disable(team["one"], two)
    assert is_last_admin(await refusal(take_grants(team["one"], one.role_ids[0])))


async def test_two_admins_who_disable_each_other_at_once_leave_one(
    operator: Client, connect: Connect
) -> None:
    for _ in range(ROUNDS):
        team = await found_team(operator, connect, TWO_ADMINS)
        one, two = await user_of(team["one"]), await user_of(team["two"])
        await one_of_both(disable(team["one"], two), disable(team["two"], one))
        await has_an_admin(team)


async def test_two_admins_who_delete_each_other_at_once_leave_one(
    operator: Client, connect: Connect
) -> None:
    for _ in range(ROUNDS):
        team = await found_team(operator, connect, TWO_ADMINS)
        one, two = await user_of(team["one"]), await user_of(team["two"])
        await one_of_both(delete(team["one"], two), delete(team["two"], one))
        await has_an_admin(team)


async def test_admin_and_the_role_of_another_do_not_go_at_once(
    operator: Client, connect: Connect
) -> None:
    for _ in range(ROUNDS):
        team = await found_team(operator, connect, TWO_ADMINS)
        one, two = await user_of(team["one"]), await user_of(team["two"])
        await one_of_both(
            take_grants(team["one"], two.role_ids[0]),
            disable(team["one"], one),
        )
        await has_an_admin(team)


async def one_of_both(*attempts: Awaitable[object]) -> None:
    """Send both calls at once: one is done; the other meets its lock, its end, or its caller's."""
    results = await asyncio.gather(*attempts, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    assert len(errors) == 1
    (error,) = errors
    assert isinstance(error, FailedPrecondition | Unauthenticated | PermissionDenied | Aborted)
    assert not isinstance(error, FailedPrecondition) or is_last_admin(error)


async def has_an_admin(team: Team) -> None:
    """Find one of the two who can still change the team's users."""
    able = 0
    for name in TWO_ADMINS:
        try:
            user = await user_of(team[name])
            await update_user(
                team[name], user_pb2.User(id=user.id, display_name="Me"), "display_name"
            )
        except (Unauthenticated, PermissionDenied):
            continue
        able += 1
    assert able == 1
