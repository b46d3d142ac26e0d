"""Administering a team: who may give what, who hears of it, and what happens at the same time."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from picstore.events.v1.event_pb2 import Event
from picstore_auth.events import KEY_REVOKED, tell_revoked
from picstore_auth.model.api_key import KeyUpdate, NewKey
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Grant, Permission
from picstore_auth.model.role import NewRole, RoleUpdate
from picstore_auth.model.user import NewUser, User, UserUpdate
from picstore_auth.repo import users
from picstore_auth.usecases.keys import Keys
from picstore_auth.usecases.roles import Roles
from picstore_auth.usecases.users import Users
from picstore_kit.errors import Aborted, InvalidFields, PermissionDenied, PicstoreError
from picstore_kit.ids import KeyId, ProjectId, RoleId, TeamId, UserId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Pager
from tests.integration.auth.references import EverythingExists
from tests.integration.auth.teams import FoundedTeam, found_team

WRITER = [Permission.TEAM_READ, Permission.TEAM_WRITE, Permission.IMAGE_READ]
MEMBERS = {"admin": [Permission.TEAM_ADMIN], "writer": WRITER, "reader": [Permission.IMAGE_READ]}
READ = Grant(permission=Permission.IMAGE_READ)
EDIT = Grant(permission=Permission.IMAGE_EDIT)


@pytest.fixture
async def team(database: Database) -> FoundedTeam:
    return await found_team(database, members=MEMBERS)


@pytest.fixture
def directory(database: Database, pager: Pager) -> Users:
    return Users(database, pager)


@pytest.fixture
def roles(database: Database, pager: Pager) -> Roles:
    return Roles(database, pager, EverythingExists())


@pytest.fixture
def keys(database: Database, pager: Pager) -> Keys:
    return Keys(database, pager, EverythingExists())


def user_of(caller: Caller) -> UserId:
    assert caller.user_id is not None
    return caller.user_id


def key_of(caller: Caller) -> KeyId:
    assert caller.key_id is not None
    return caller.key_id


async def role_of(directory: Users, team: FoundedTeam, name: str) -> RoleId:
    admin = team.caller("admin")
    user = await directory.get_user(admin, user_of(team.caller(name)))
    (role_id,) = user.role_ids
    return role_id


async def revocations(database: Database, team_id: TeamId) -> list[list[str]]:
    """Return the keys that each of the team's events in the outbox names."""
    async with database.system_transaction() as conn:
        cursor = await conn.execute(
            "SELECT payload FROM outbox WHERE subject = %s ORDER BY id", (KEY_REVOKED,)
        )
        events = [Event.FromString(payload) for (payload,) in await cursor.fetchall()]
    return [list(event.key_revoked.key_ids) for event in events if event.team_id == team_id]


async def denied(attempt: Awaitable[object]) -> str:
    with pytest.raises(PermissionDenied) as caught:
        await attempt
    return caught.value.metadata["permission"]


# Nobody gives what they do not hold.


async def test_writer_makes_roles_of_what_they_hold(team: FoundedTeam, roles: Roles) -> None:
    on_one = Grant(permission=Permission.IMAGE_READ, project_id=new_id(ProjectId))
    new = NewRole(short_name="viewer", grants=(on_one,))
    role = await roles.create_role(team.caller("writer"), new, request_id="")
    assert role.grants == (on_one,)


async def test_writer_makes_no_role_of_more(team: FoundedTeam, roles: Roles) -> None:
    new = NewRole(short_name="editor", grants=(EDIT, READ))
    attempt = roles.create_role(team.caller("writer"), new, request_id="")
    assert await denied(attempt) == "image:edit"


async def test_writer_adds_no_grant_to_a_role_that_they_lack(
    team: FoundedTeam, roles: Roles, directory: Users
) -> None:
    update = RoleUpdate(role_id=await role_of(directory, team, "writer"), grants=(EDIT,))
    assert await denied(roles.update_role(team.caller("writer"), update)) == "image:edit"


async def test_writer_may_keep_what_a_role_had(
    team: FoundedTeam, roles: Roles, directory: Users
) -> None:
    new = NewRole(short_name="editor", grants=(EDIT,))
    role = await roles.create_role(team.caller("admin"), new, request_id="")
    update = RoleUpdate(role_id=role.id, display_name="Editors", grants=(EDIT, READ))
    updated = await roles.update_role(team.caller("writer"), update)
    assert updated.grants == (EDIT, READ)


async def test_writer_gives_nobody_a_role_above_their_own(
    team: FoundedTeam, directory: Users
) -> None:
    admin_role = await role_of(directory, team, "admin")
    reader_role = await role_of(directory, team, "reader")
    writer = team.caller("writer")
    new = NewUser(email="friend@example.org", role_ids=(admin_role,))
    assert await denied(directory.create_user(writer, new, request_id="")) == "team:admin"
    myself = UserUpdate(user_id=user_of(writer), role_ids=(reader_role, admin_role))
    assert await denied(directory.update_user(writer, myself)) == "team:admin"


async def test_writer_may_change_others_of_a_role_above_their_own(
    team: FoundedTeam, directory: Users
) -> None:
    admin = team.caller("admin")
    before = await directory.get_user(admin, user_of(admin))
    update = UserUpdate(user_id=before.id, display_name="Boss", role_ids=before.role_ids)
    after = await directory.update_user(team.caller("writer"), update)
    assert after.display_name == "Boss"


async def test_writer_enables_nobody_of_a_role_above_their_own(
    team: FoundedTeam, directory: Users
) -> None:
    admin, writer = team.caller("admin"), team.caller("writer")
    new = NewUser(
        email="boss@example.org",
        role_ids=(await role_of(directory, team, "admin"),),
        disabled=True,
    )
    boss = await directory.create_user(admin, new, request_id="")
    enabling = UserUpdate(user_id=boss.id, disabled=False)
    assert await denied(directory.update_user(writer, enabling)) == "team:admin"
    assert not (await directory.update_user(admin, enabling)).disabled


async def test_writer_prolongs_no_key_above_their_own(team: FoundedTeam, keys: Keys) -> None:
    admin, writer = team.caller("admin"), team.caller("writer")
    end = datetime(2100, 1, 1, tzinfo=UTC)
    new = NewKey(user_id=user_of(admin), grants=(EDIT,), expires_at=end)
    key_id = (await keys.create_key(admin, new, request_id="")).key.id
    for later in (end + timedelta(days=1), None):
        update = KeyUpdate(key_id=key_id, fields=frozenset({"expire_time"}), expires_at=later)
        assert await denied(keys.update_key(writer, update)) == "image:edit"
    sooner = replace(update, expires_at=end - timedelta(days=1))
    assert (await keys.update_key(writer, sooner)).expires_at == end - timedelta(days=1)


async def test_writer_makes_no_key_in_the_name_of_an_administrator(
    team: FoundedTeam, keys: Keys
) -> None:
    writer, admin = team.caller("writer"), team.caller("admin")
    inheriting = NewKey(user_id=user_of(admin), inherit=True)
    assert await denied(keys.create_key(writer, inheriting, request_id="")) == "team:admin"
    limited = NewKey(user_id=user_of(admin), grants=(EDIT,))
    assert await denied(keys.create_key(writer, limited, request_id="")) == "image:edit"


async def test_writer_makes_keys_for_others_of_what_both_hold(
    team: FoundedTeam, keys: Keys
) -> None:
    reader = team.caller("reader")
    new = NewKey(user_id=user_of(reader), grants=(READ,))
    made = await keys.create_key(team.caller("writer"), new, request_id="")
    assert (made.key.user_id, made.key.grants) == (reader.user_id, (READ,))


async def test_writer_makes_an_inheriting_key_for_themselves_but_for_nobody_else(
    team: FoundedTeam, keys: Keys
) -> None:
    writer, reader = team.caller("writer"), team.caller("reader")
    made = await keys.create_key(
        writer, NewKey(user_id=user_of(writer), inherit=True), request_id=""
    )
    assert made.key.inherit
    # Whatever the reader is granted one day, the writer would get too.
    later = NewKey(user_id=user_of(reader), inherit=True)
    assert await denied(keys.create_key(writer, later, request_id="")) == "team:admin"


async def test_limited_key_makes_no_inheriting_one(team: FoundedTeam, keys: Keys) -> None:
    writer = team.caller("writer")
    write_only = (Grant(permission=Permission.TEAM_WRITE),)
    made = await keys.create_key(
        writer, NewKey(user_id=user_of(writer), grants=write_only), request_id=""
    )
    limited = Caller(team_id=team.id, user_id=writer.user_id, key_id=made.key.id, grants=write_only)
    new = NewKey(user_id=user_of(writer), inherit=True)
    assert await denied(keys.create_key(limited, new, request_id="")) == "team:admin"
    assert (
        await denied(
            keys.create_key(limited, NewKey(user_id=user_of(writer), grants=(READ,)), request_id="")
        )
        == "image:read"
    )


async def test_key_is_part_of_what_its_user_holds(team: FoundedTeam, keys: Keys) -> None:
    new = NewKey(user_id=user_of(team.caller("reader")), grants=(EDIT,))
    with pytest.raises(InvalidFields, match="image:edit"):
        await keys.create_key(team.caller("admin"), new, request_id="")


# Who hears of it.


async def test_revoking_tells_once(team: FoundedTeam, keys: Keys, database: Database) -> None:
    key_id = key_of(team.caller("reader"))
    first = await keys.revoke_key(team.caller("admin"), key_id)
    again = await keys.revoke_key(team.caller("admin"), key_id)
    assert first.revoked_at is not None
    assert again == first
    assert await revocations(database, team.id) == [[key_id]]


async def test_disabling_a_user_tells_of_all_their_keys_that_were_good(
    team: FoundedTeam, keys: Keys, directory: Users, database: Database
) -> None:
    admin, reader = team.caller("admin"), team.caller("reader")
    second = await keys.create_key(
        admin, NewKey(user_id=user_of(reader), inherit=True), request_id=""
    )
    revoked = await keys.create_key(
        admin, NewKey(user_id=user_of(reader), inherit=True), request_id=""
    )
    await keys.revoke_key(admin, revoked.key.id)
    await directory.update_user(admin, UserUpdate(user_id=user_of(reader), disabled=True))
    assert await revocations(database, team.id) == [
        [revoked.key.id],
        [key_of(reader), second.key.id],
    ]


async def test_other_roles_of_a_user_tell_of_their_keys(
    team: FoundedTeam, directory: Users, database: Database
) -> None:
    reader = team.caller("reader")
    update = UserUpdate(user_id=user_of(reader), role_ids=())
    await directory.update_user(team.caller("admin"), update)
    assert await revocations(database, team.id) == [[key_of(reader)]]


async def test_other_grants_of_a_role_tell_of_the_keys_of_all_its_users(
    team: FoundedTeam, directory: Users, roles: Roles, database: Database
) -> None:
    role_id = await role_of(directory, team, "reader")
    admin = team.caller("admin")
    update = UserUpdate(
        user_id=user_of(admin), role_ids=(await role_of(directory, team, "admin"), role_id)
    )
    await directory.update_user(admin, update)
    await roles.update_role(admin, RoleUpdate(role_id=role_id, grants=(EDIT,)))
    assert (await revocations(database, team.id))[-1] == sorted(
        [key_of(admin), key_of(team.caller("reader"))]
    )


async def test_new_names_tell_nobody(
    team: FoundedTeam, directory: Users, roles: Roles, database: Database
) -> None:
    admin = team.caller("admin")
    role_id = await role_of(directory, team, "reader")
    await roles.update_role(admin, RoleUpdate(role_id=role_id, display_name="Readers"))
    update = UserUpdate(user_id=user_of(team.caller("reader")), display_name="Rita")
    await directory.update_user(admin, update)
    assert await revocations(database, team.id) == []


async def test_change_that_is_taken_back_tells_nobody(
    team: FoundedTeam, database: Database
) -> None:
    async with (
        database.transaction(team=team.id) as conn,
        conn.transaction(force_rollback=True),
    ):
        await tell_revoked(conn, team.id, [key_of(team.caller("reader"))])
    assert await revocations(database, team.id) == []


# Repeated and simultaneous calls.


async def test_update_that_changes_nothing_makes_no_revision(
    team: FoundedTeam, directory: Users
) -> None:
    admin = team.caller("admin")
    before = await directory.get_user(admin, user_of(admin))
    update = UserUpdate(user_id=before.id, disabled=False, role_ids=before.role_ids)
    assert await directory.update_user(admin, update) == before


async def test_of_two_updates_of_one_revision_the_later_is_refused(
    team: FoundedTeam, directory: Users
) -> None:
    admin = team.caller("admin")
    updates = [
        UserUpdate(user_id=user_of(admin), etag="1", display_name=name) for name in ("one", "two")
    ]
    results = await asyncio.gather(
        *(directory.update_user(admin, update) for update in updates), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Aborted", "User"]
    assert all(isinstance(result, Aborted | User) for result in results)


async def test_repeated_create_answers_alike_even_after_a_change(
    team: FoundedTeam, directory: Users
) -> None:
    admin, request_id = team.caller("admin"), str(uuid.uuid4())
    new = NewUser(email="once@example.org")
    first = await directory.create_user(admin, new, request_id=request_id)
    await directory.update_user(admin, UserUpdate(user_id=first.id, display_name="Later"))
    assert await directory.create_user(admin, new, request_id=request_id) == first


async def test_simultaneous_creates_with_one_request_id_make_one_user(
    team: FoundedTeam, directory: Users
) -> None:
    admin, request_id = team.caller("admin"), str(uuid.uuid4())
    new = NewUser(email="once@example.org")
    made = await asyncio.gather(
        *(directory.create_user(admin, new, request_id=request_id) for _ in range(4))
    )
    assert len({user.id for user in made}) == 1


async def test_request_ids_of_two_callers_are_apart(team: FoundedTeam, roles: Roles) -> None:
    request_id = str(uuid.uuid4())
    one = await roles.create_role(
        team.caller("admin"), NewRole(short_name="one"), request_id=request_id
    )
    two = await roles.create_role(
        team.caller("writer"), NewRole(short_name="two"), request_id=request_id
    )
    assert one.id != two.id


async def test_failed_create_can_be_repeated_with_its_request_id(
    team: FoundedTeam, directory: Users, roles: Roles
) -> None:
    request_id = str(uuid.uuid4())
    new = NewRole(short_name="reader")
    for _ in range(2):
        with pytest.raises(PicstoreError, match="has a role named reader"):
            await roles.create_role(team.caller("admin"), new, request_id=request_id)


async def test_email_addresses_are_unique_without_regard_to_case(
    team: FoundedTeam, directory: Users, database: Database
) -> None:
    admin = team.caller("admin")
    with pytest.raises(PicstoreError, match="READER@example"):
        await directory.create_user(admin, NewUser(email="READER@example.org"), request_id="")
    async with database.transaction(team=team.id) as conn:
        found = await users.fetch_by_email(conn, admin, "ReAdEr@example.org", Permission.TEAM_READ)
    assert found is not None
    assert found.id == team.caller("reader").user_id


async def test_pages_show_every_user_once_oldest_first(team: FoundedTeam, directory: Users) -> None:
    admin = team.caller("admin")
    for number in range(4):
        new = NewUser(email=f"user{number}@example.org")
        await directory.create_user(admin, new, request_id="")
    seen: list[User] = []
    token = ""
    while True:
        page = await directory.list_users(
            admin, email="", role_id=None, page_size=2, page_token=token
        )
        assert len(page.rows) <= 2
        seen.extend(page.rows)
        if not (token := page.next_page_token):
            break
    assert len({user.id for user in seen}) == len(seen) == 7
    assert [user.created_at for user in seen] == sorted(user.created_at for user in seen)


async def test_keys_can_be_listed_by_user(team: FoundedTeam, keys: Keys) -> None:
    admin, reader = team.caller("admin"), team.caller("reader")
    everyones = await keys.list_keys(admin, user_id=None, live=False, page_size=0, page_token="")
    assert len(everyones.rows) == 3
    readers = await keys.list_keys(
        admin, user_id=user_of(reader), live=False, page_size=0, page_token=""
    )
    assert [key.id for key in readers.rows] == [reader.key_id]
