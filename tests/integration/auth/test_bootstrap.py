"""A team agrees with the operator's document, however often it is applied."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from picstore.events.v1.event_pb2 import Event
from picstore_auth.document import (
    Document,
    KeyEntry,
    Outcome,
    TeamEntry,
    UserEntry,
)
from picstore_auth.events import KEY_REVOKED
from picstore_auth.model.caller import operator_of
from picstore_auth.model.grant import Grant, Permission, normalised
from picstore_auth.model.role import NewRole
from picstore_auth.model.user import NewUser
from picstore_auth.repo import users
from picstore_auth.usecases.bootstrap import Bootstrap
from picstore_auth.usecases.keys import Keys
from picstore_kit.changes import Action, Change, FieldChange
from picstore_kit.credentials import new_api_key
from picstore_kit.errors import InvalidFields, Unauthenticated
from picstore_kit.ids import KeyId, ProjectId, TeamId, UploadProfileId, UserId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Pager
from tests.integration.auth.references import EverythingExists
from tests.integration.auth.teams import authentication_of

PROJECT = new_id(ProjectId)
PROFILE = new_id(UploadProfileId)
READ = Grant(permission=Permission.IMAGE_READ, project_id=PROJECT)
CREATE = Grant(permission=Permission.IMAGE_CREATE, project_id=PROJECT)
ADMIN = Grant(permission=Permission.TEAM_ADMIN)


@pytest.fixture
def document() -> Document:
    """A team with two people, and names that no other test has."""
    return Document(
        team=TeamEntry(short_name=f"team-{uuid.uuid4().hex}", display_name="Demo"),
        roles=(
            NewRole(short_name="admin", grants=(ADMIN,)),
            NewRole(short_name="editor", display_name="Editors", grants=normalised([READ, CREATE])),
        ),
        users=(
            UserEntry(email="ann@example.org", display_name="Ann", roles=("admin",)),
            UserEntry(email="Bob@example.org", roles=("editor",)),
        ),
        keys=(
            KeyEntry(
                api_key=new_api_key(new_id(KeyId)),
                user="bob@example.org",
                display_name="blog",
                grants=(CREATE,),
                default_upload_profile_id=PROFILE,
                expires_at=datetime.now(UTC).replace(microsecond=0) + timedelta(days=1),
            ),
        ),
        project_names={PROJECT: "blog"},
        upload_profile_names={PROFILE: "blog/web"},
    )


@pytest.fixture
def bootstrap(database: Database) -> Bootstrap:
    return Bootstrap(database)


async def apply(bootstrap: Bootstrap, document: Document) -> Outcome:
    return await bootstrap.apply_bootstrap(document, dry_run=False)


async def faults(bootstrap: Bootstrap, document: Document) -> dict[str, str]:
    with pytest.raises(InvalidFields) as caught:
        await apply(bootstrap, document)
    return {violation.field: violation.description for violation in caught.value.violations}


def actions(outcome: Outcome) -> list[tuple[str, Action]]:
    return [(change.kind, change.action) for change in outcome.changes]


def change_of(outcome: Outcome, name: str) -> Change:
    (change,) = [change for change in outcome.changes if change.name == name]
    return change


async def revoked_keys(database: Database, team_id: TeamId) -> set[str]:
    """Return the keys that the team's events in the outbox name."""
    async with database.system_transaction() as conn:
        cursor = await conn.execute("SELECT payload FROM outbox WHERE subject = %s", (KEY_REVOKED,))
        events = [Event.FromString(payload) for (payload,) in await cursor.fetchall()]
    return {
        key_id
        for event in events
        if event.team_id == team_id
        for key_id in event.key_revoked.key_ids
    }


async def test_first_run_makes_everything_in_order(
    bootstrap: Bootstrap, document: Document
) -> None:
    outcome = await apply(bootstrap, document)
    assert [(change.kind, change.name) for change in outcome.changes] == [
        ("team", document.team.short_name),
        ("role", "admin"),
        ("role", "editor"),
        ("user", "ann@example.org"),
        ("user", "Bob@example.org"),
        ("api_key", document.keys[0].api_key.key_id),
    ]
    assert {action for _, action in actions(outcome)} == {Action.CREATED}


async def test_second_run_changes_nothing(bootstrap: Bootstrap, document: Document) -> None:
    first = await apply(bootstrap, document)
    second = await apply(bootstrap, document)
    assert second.team_id == first.team_id
    assert {action for _, action in actions(second)} == {Action.UNCHANGED}
    assert all(change.fields == () for change in second.changes)


async def test_key_works_as_the_document_says(
    bootstrap: Bootstrap, document: Document, database: Database
) -> None:
    outcome = await apply(bootstrap, document)
    entry = document.keys[0]
    identity = await authentication_of(database).authenticate(entry.api_key.text)
    assert identity.team_id == outcome.team_id
    assert identity.grants == (CREATE,)
    assert identity.default_upload_profile_id == PROFILE
    assert identity.expires_at == entry.expires_at


async def test_changes_are_told_in_the_words_of_the_document_and_without_secrets(
    bootstrap: Bootstrap, document: Document
) -> None:
    outcome = await apply(bootstrap, document)
    entry = document.keys[0]
    assert entry.expires_at is not None
    assert change_of(outcome, "editor").fields == (
        FieldChange(field="display_name", old="", new="Editors"),
        FieldChange(field="grants", old="", new="image:create@blog, image:read@blog"),
    )
    assert change_of(outcome, entry.api_key.key_id).fields == (
        FieldChange(field="user", old="", new="Bob@example.org"),
        FieldChange(field="display_name", old="", new="blog"),
        FieldChange(field="grants", old="", new="image:create@blog"),
        FieldChange(field="default_upload_profile", old="", new="blog/web"),
        FieldChange(field="expire_time", old="", new=entry.expires_at.isoformat()),
    )
    assert entry.api_key.text not in repr(outcome)


async def test_dry_run_tells_the_same_and_leaves_nothing(
    bootstrap: Bootstrap, document: Document, database: Database
) -> None:
    dry = await bootstrap.apply_bootstrap(document, dry_run=True)
    with pytest.raises(Unauthenticated):
        await authentication_of(database).identify_key(document.keys[0].api_key.key_id)
    wet = await apply(bootstrap, document)
    assert dry.changes == wet.changes


async def test_dry_run_of_a_change_leaves_the_old_state_and_tells_nobody(
    bootstrap: Bootstrap, document: Document, database: Database
) -> None:
    outcome = await apply(bootstrap, document)
    changed = replace(document, roles=(document.roles[0], replace(document.roles[1], grants=())))
    changed = replace(changed, keys=())
    dry = await bootstrap.apply_bootstrap(changed, dry_run=True)
    assert change_of(dry, "editor").action is Action.UPDATED
    assert await revoked_keys(database, outcome.team_id) == set()
    assert {action for _, action in actions(await apply(bootstrap, document))} == {Action.UNCHANGED}


async def test_team_takes_the_id_that_it_is_given(bootstrap: Bootstrap, document: Document) -> None:
    team_id = new_id(TeamId)
    named = replace(document, team=replace(document.team, id=team_id))
    assert (await apply(bootstrap, named)).team_id == team_id
    assert (await apply(bootstrap, document)).team_id == team_id


async def test_team_keeps_its_id(bootstrap: Bootstrap, document: Document) -> None:
    outcome = await apply(bootstrap, document)
    other = replace(document, team=replace(document.team, id=new_id(TeamId)))
    assert outcome.team_id in (await faults(bootstrap, other))["team.id"]


async def test_id_of_one_team_is_not_taken_for_another(
    bootstrap: Bootstrap, document: Document
) -> None:
    outcome = await apply(bootstrap, document)
    other = replace(document, team=TeamEntry(id=outcome.team_id, short_name="another-team"))
    assert document.team.short_name in (await faults(bootstrap, other))["team.id"]


async def test_only_what_differs_is_updated(
    bootstrap: Bootstrap, document: Document, database: Database
) -> None:
    outcome = await apply(bootstrap, document)
    changed = replace(
        document,
        team=replace(document.team, display_name="Renamed"),
        users=(document.users[0], replace(document.users[1], roles=("editor", "admin"))),
    )
    updated = await apply(bootstrap, changed)
    assert actions(updated) == [
        ("team", Action.UPDATED),
        ("role", Action.UNCHANGED),
        ("role", Action.UNCHANGED),
        ("user", Action.UNCHANGED),
        ("user", Action.UPDATED),
        ("api_key", Action.UNCHANGED),
    ]
    assert updated.changes[0].fields == (
        FieldChange(field="display_name", old="Demo", new="Renamed"),
    )
    assert updated.changes[4].fields == (
        FieldChange(field="roles", old="editor", new="admin, editor"),
    )
    assert await revoked_keys(database, outcome.team_id) == {document.keys[0].api_key.key_id}


@pytest.mark.parametrize("what", ["role", "key"])
async def test_caches_hear_of_keys_that_allow_other_things_now(
    bootstrap: Bootstrap, document: Document, database: Database, what: str
) -> None:
    outcome = await apply(bootstrap, document)
    if what == "role":
        editor = replace(document.roles[1], grants=(CREATE,))
        changed = replace(document, roles=(document.roles[0], editor))
    else:
        changed = replace(document, keys=(replace(document.keys[0], grants=()),))
    await apply(bootstrap, changed)
    assert await revoked_keys(database, outcome.team_id) == {document.keys[0].api_key.key_id}


async def test_document_may_name_what_the_team_has_already(
    bootstrap: Bootstrap, document: Document
) -> None:
    await apply(bootstrap, document)
    api_key = new_api_key(new_id(KeyId))
    more = Document(
        team=document.team,
        users=(UserEntry(email="carl@example.org", roles=("editor",)),),
        keys=(KeyEntry(api_key=api_key, user="ANN@example.org"),),
    )
    assert actions(await apply(bootstrap, more)) == [
        ("team", Action.UNCHANGED),
        ("user", Action.CREATED),
        ("api_key", Action.CREATED),
    ]


async def test_what_the_document_does_not_name_stays(
    bootstrap: Bootstrap, document: Document
) -> None:
    await apply(bootstrap, document)
    await apply(bootstrap, Document(team=TeamEntry(short_name=document.team.short_name)))
    assert {action for _, action in actions(await apply(bootstrap, document))} == {Action.UNCHANGED}


async def test_everything_that_does_not_fit_is_told_at_once_and_nothing_done(
    bootstrap: Bootstrap, document: Document
) -> None:
    await apply(bootstrap, document)
    wrong = replace(
        document,
        users=(
            UserEntry(email="new@example.org", roles=("editor", "nothing")),
            UserEntry(email="bob@example.org", roles=("editor",)),
        ),
        keys=(
            KeyEntry(api_key=new_api_key(new_id(KeyId)), user="nobody@example.org"),
            KeyEntry(api_key=new_api_key(new_id(KeyId)), user="bob@example.org", grants=(ADMIN,)),
        ),
    )
    assert list(await faults(bootstrap, wrong)) == [
        "users[0].roles[1]",
        "api_keys[0].user",
        "api_keys[1].grants",
    ]
    again = replace(document, users=(UserEntry(email="new@example.org", roles=()),), keys=())
    assert change_of(await apply(bootstrap, again), "new@example.org").action is Action.CREATED


async def test_existing_key_with_another_secret_is_refused_by_name(
    bootstrap: Bootstrap, document: Document
) -> None:
    await apply(bootstrap, document)
    api_key = document.keys[0].api_key
    forged = replace(document.keys[0], api_key=new_api_key(api_key.key_id))
    fault = (await faults(bootstrap, replace(document, keys=(forged,))))["api_keys[0].credential"]
    assert api_key.key_id in fault
    assert "another secret" in fault


async def test_key_of_another_team_is_refused(bootstrap: Bootstrap, document: Document) -> None:
    await apply(bootstrap, document)
    other = replace(document, team=TeamEntry(short_name=f"team-{uuid.uuid4().hex}"))
    assert "another team" in (await faults(bootstrap, other))["api_keys[0].credential"]


async def test_revoked_key_does_not_come_back(
    bootstrap: Bootstrap, document: Document, database: Database, pager: Pager
) -> None:
    outcome = await apply(bootstrap, document)
    await Keys(database, pager, EverythingExists()).revoke_key(
        operator_of(outcome.team_id), document.keys[0].api_key.key_id
    )
    assert "revoked" in (await faults(bootstrap, document))["api_keys[0].credential"]


async def test_disabled_user_stays_disabled(
    bootstrap: Bootstrap, document: Document, database: Database
) -> None:
    outcome = await apply(bootstrap, document)
    operator = operator_of(outcome.team_id)
    async with database.transaction(team=outcome.team_id) as conn:
        new = NewUser(email="dora@example.org", disabled=True)
        user = await users.insert(conn, operator, new_id(UserId), new)
    await apply(
        bootstrap, replace(document, users=(UserEntry(email=user.email, display_name="Dora"),))
    )
    async with database.transaction(team=outcome.team_id) as conn:
        after = await users.fetch(conn, operator, user.id, Permission.TEAM_READ)
    assert (after.disabled, after.display_name) == (True, "Dora")


async def test_runs_at_the_same_time_make_one_team(
    bootstrap: Bootstrap, document: Document
) -> None:
    outcomes = await asyncio.gather(*(apply(bootstrap, document) for _ in range(3)))
    assert len({outcome.team_id for outcome in outcomes}) == 1
    made = [outcome for outcome in outcomes if outcome.changes[0].action is Action.CREATED]
    assert len(made) == 1
