"""Two changes of one team at the same time: each is done or refused for what the other did."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from picstore_auth.model.api_key import NewKey
from picstore_auth.model.grant import Grant, Permission, normalised
from picstore_auth.model.role import NewRole, RoleUpdate
from picstore_auth.model.user import NewUser, UserUpdate
from picstore_auth.repo import roles as role_rows
from picstore_auth.repo import users as user_rows
from picstore_auth.usecases.keys import Keys
from picstore_auth.usecases.roles import Roles
from picstore_auth.usecases.users import Users
from picstore_kit.errors import FailedPrecondition, NotFound, Reason
from picstore_kit.ids import UserId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Pager
from tests.integration.auth.references import EverythingExists
from tests.integration.auth.teams import FoundedTeam, found_team

READ = Grant(permission=Permission.IMAGE_READ)
EDIT = Grant(permission=Permission.IMAGE_EDIT)


@pytest.fixture
async def team(database: Database) -> FoundedTeam:
    return await found_team(database, members={"admin": [Permission.TEAM_ADMIN]})


@pytest.fixture
def directory(database: Database, pager: Pager) -> Users:
    return Users(database, pager)


@pytest.fixture
def roles(database: Database, pager: Pager) -> Roles:
    return Roles(database, pager, EverythingExists())


@pytest.fixture
def keys(database: Database, pager: Pager) -> Keys:
    return Keys(database, pager, EverythingExists())


async def waits(database: Database, attempt: asyncio.Task[Any]) -> None:
    """Return when the attempt waits for a lock, or is over."""
    while not attempt.done():
        async with database.system_transaction() as conn:
            cursor = await conn.execute(
                """
                SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'
                """
            )
            if cursor.rowcount:
                return


async def test_key_for_a_user_who_is_just_deleted_finds_no_user(
    team: FoundedTeam, directory: Users, keys: Keys, database: Database
) -> None:
    admin = team.caller("admin")
    user = await directory.create_user(admin, NewUser(email="ann@example.org"), request_id="")
    async with database.transaction(team=team.id) as conn:
        await user_rows.delete(conn, admin, user.id)
        new = NewKey(user_id=user.id, inherit=True)
        attempt = asyncio.create_task(keys.create_key(admin, new, request_id=""))
        await waits(database, attempt)
    with pytest.raises(NotFound, match=user.id):
        await attempt


async def test_role_that_is_just_deleted_is_not_given(
    team: FoundedTeam, directory: Users, roles: Roles, database: Database
) -> None:
    admin = team.caller("admin")
    role = await roles.create_role(admin, NewRole(short_name="viewer"), request_id="")
    async with database.transaction(team=team.id) as conn:
        await role_rows.delete(conn, admin, role.id)
        new = NewUser(email="ann@example.org", role_ids=(role.id,))
        attempt = asyncio.create_task(directory.create_user(admin, new, request_id=""))
        await waits(database, attempt)
    with pytest.raises(NotFound, match=role.id):
        await attempt


async def test_role_that_is_just_given_is_not_deleted(
    team: FoundedTeam, roles: Roles, database: Database
) -> None:
    admin, user_id = team.caller("admin"), new_id(UserId)
    role = await roles.create_role(admin, NewRole(short_name="viewer"), request_id="")
    async with database.transaction(team=team.id) as conn:
        new = NewUser(email="ann@example.org", role_ids=(role.id,))
        await user_rows.insert(conn, admin, user_id, new)
        attempt = asyncio.create_task(roles.delete_role(admin, role.id, etag=""))
        await waits(database, attempt)
    with pytest.raises(FailedPrecondition) as caught:
        await attempt
    assert caught.value.reason is Reason.RESOURCE_IN_USE
    assert caught.value.metadata["used_by"] == user_id


async def test_giving_and_changing_a_role_at_once_wait_for_each_other(
    team: FoundedTeam, directory: Users, roles: Roles
) -> None:
    admin = team.caller("admin")
    role = await roles.create_role(admin, NewRole(short_name="viewer"), request_id="")
    users = [
        await directory.create_user(admin, NewUser(email=f"{n}@example.org"), request_id="")
        for n in range(4)
    ]
    for grants in ((READ,), (EDIT,), (READ, EDIT)):
        await asyncio.gather(
            *(
                directory.update_user(admin, UserUpdate(user_id=user.id, role_ids=role_ids))
                for user, role_ids in zip(users, [(role.id,), (), (role.id,), ()], strict=True)
            ),
            roles.update_role(admin, RoleUpdate(role_id=role.id, grants=grants)),
        )
        users.reverse()
    assert (await roles.get_role(admin, role.id)).grants == normalised((READ, EDIT))
