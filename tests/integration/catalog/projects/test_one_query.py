"""One query fetches and decides: for every noun, every grant, and whosever object it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pytest
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from picstore_catalog.model.permission import Permission
from picstore_catalog.repo import conversion_profile as conversion_profiles
from picstore_catalog.repo import image as images
from picstore_catalog.repo import overlay_template as overlay_templates
from picstore_catalog.repo import project as projects
from picstore_catalog.repo import storage_location as locations
from picstore_catalog.repo import upload_profile as upload_profiles
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_catalog.usecases.locations import LocationSecrets
from picstore_kit.errors import NotFound, PermissionDenied
from picstore_kit.ids import (
    ConversionProfileId,
    ImageId,
    LocationId,
    OverlayTemplateId,
    ProjectId,
    UploadProfileId,
    UserId,
    new_id,
)
from picstore_kit.pg.access import Access
from picstore_kit.rpc.auth import Grant, Principal
from tests.integration.catalog.projects.teams import Team

Fetch: TypeAlias = Callable[[Transaction, Access, Any], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class Noun:
    """A kind of object, and how one is fetched."""

    fetch: Fetch
    make_id: Callable[[], str]
    read: Permission = Permission.PROJECT_READ
    write: Permission
    of_team: bool = False
    """Whether the object under test belongs to all projects of the team."""


NOUNS: Final[Mapping[str, Noun]] = {
    "project": Noun(
        fetch=projects.fetch, make_id=lambda: new_id(ProjectId), write=Permission.PROJECT_WRITE
    ),
    "conversion profile": Noun(
        fetch=conversion_profiles.fetch,
        make_id=lambda: new_id(ConversionProfileId),
        write=Permission.CONVERSION_PROFILE_WRITE,
    ),
    "conversion profile of the team": Noun(
        fetch=conversion_profiles.fetch,
        make_id=lambda: new_id(ConversionProfileId),
        write=Permission.CONVERSION_PROFILE_WRITE,
        of_team=True,
    ),
    "overlay template": Noun(
        fetch=overlay_templates.fetch,
        make_id=lambda: new_id(OverlayTemplateId),
        write=Permission.OVERLAY_TEMPLATE_WRITE,
    ),
    "overlay template of the team": Noun(
        fetch=overlay_templates.fetch,
        make_id=lambda: new_id(OverlayTemplateId),
        write=Permission.OVERLAY_TEMPLATE_WRITE,
        of_team=True,
    ),
    "storage location of the team": Noun(
        fetch=locations.fetch,
        make_id=lambda: new_id(LocationId),
        write=Permission.STORAGE_LOCATION_WRITE,
        of_team=True,
    ),
    "upload profile": Noun(
        fetch=upload_profiles.fetch,
        make_id=lambda: new_id(UploadProfileId),
        write=Permission.UPLOAD_PROFILE_WRITE,
    ),
    "picture": Noun(
        fetch=images.fetch,
        make_id=lambda: new_id(ImageId),
        read=Permission.IMAGE_READ,
        write=Permission.IMAGE_EDIT,
    ),
}

GRANTS: Final = ("none", "other project", "this project", "team")
OWNERS: Final = ("own", "foreign", "missing")


class Tenancy:
    """Two teams that have one of every noun."""

    def __init__(
        self, team: Team, other_project: ProjectId, ids: dict[str, dict[str, str]]
    ) -> None:
        self.team = team
        self._other_project = other_project
        self._ids = ids

    @classmethod
    async def set_up(cls, work: UnitOfWork, secrets: LocationSecrets) -> Tenancy:
        team, foreign = [await Team.set_up(work, secrets) for _ in range(2)]
        return cls(
            team,
            await team.add_project("shop"),
            {
                "own": await _ids_of(team),
                "foreign": await _ids_of(foreign),
                "missing": {name: noun.make_id() for name, noun in NOUNS.items()},
            },
        )

    def object_id(self, noun: str, owner: str) -> str:
        return self._ids[owner][noun]

    def access(self, granted: str, held: Permission, needed: Permission) -> Access:
        """Return the access of somebody who holds one permission, to something that needs one."""
        places: dict[str, list[ProjectId | None]] = {
            "none": [],
            "other project": [self._other_project],
            "this project": [self.team.project_id],
            "team": [None],
        }
        grants = tuple(Grant(permission=held, project_id=place) for place in places[granted])
        principal = Principal(team_id=self.team.id, user_id=new_id(UserId), grants=grants)
        return Access.of(principal, needed)


async def _ids_of(team: Team) -> dict[str, str]:
    return {
        "project": team.project_id,
        "conversion profile": await team.add_conversion_profile("own", project_id=team.project_id),
        "conversion profile of the team": team.conversion_profile_id,
        "overlay template": await team.add_overlay_template("own", project_id=team.project_id),
        "overlay template of the team": await team.add_overlay_template("shared"),
        "storage location of the team": team.location_id,
        "upload profile": team.upload_profile_id,
        "picture": await team.commit_picture(),
    }


def expected(noun: Noun, granted: str, owner: str, *, held: Permission, needed: Permission) -> str:
    """Say what must come of it, from the rules alone."""
    if owner != "own" or granted == "none":
        return "NOT_FOUND"
    if granted == "other project" and not noun.of_team:
        return "NOT_FOUND"
    holds = held is needed and (granted == "team" or not noun.of_team or needed is noun.read)
    return "OK" if holds else f"PERMISSION_DENIED {needed}"


@pytest.fixture
async def tenancy(work: UnitOfWork, secrets: LocationSecrets) -> Tenancy:
    return await Tenancy.set_up(work, secrets)


async def test_every_grant_meets_every_object_as_the_rules_say(tenancy: Tenancy) -> None:
    wrong = []
    async with tenancy.team.begin() as transaction:
        for name, noun in NOUNS.items():
            for needed in (noun.read, noun.write):
                for held in (needed, Permission.IMAGE_CREATE):
                    for granted in GRANTS:
                        for owner in OWNERS:
                            want = expected(noun, granted, owner, held=held, needed=needed)
                            access = tenancy.access(granted, held, needed)
                            object_id = tenancy.object_id(name, owner)
                            got = await _outcome(noun.fetch, transaction, access, object_id)
                            if got != want:
                                wrong.append((name, needed, held, granted, owner, got, want))
    assert wrong == []


async def _outcome(fetch: Fetch, transaction: Transaction, access: Access, object_id: str) -> str:
    try:
        await fetch(transaction, access, object_id)
    except PermissionDenied as denied:
        return f"PERMISSION_DENIED {denied.metadata['permission']}"
    except NotFound:
        return "NOT_FOUND"
    return "OK"


class CountingCursor(AsyncCursor[TupleRow]):
    """A cursor that counts the statements of all cursors of its kind."""

    statements = 0

    async def execute(self, *args: Any, **options: Any) -> Any:
        type(self).statements += 1
        return await super().execute(*args, **options)


@pytest.mark.parametrize("name", NOUNS)
async def test_one_statement_fetches_and_decides(
    tenancy: Tenancy, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    noun = NOUNS[name]
    counts = {}
    async with tenancy.team.begin() as transaction:
        monkeypatch.setattr(transaction, "cursor_factory", CountingCursor)
        for granted in GRANTS:
            for owner in OWNERS:
                monkeypatch.setattr(CountingCursor, "statements", 0)
                access = tenancy.access(granted, noun.write, noun.write)
                await _outcome(noun.fetch, transaction, access, tenancy.object_id(name, owner))
                counts[granted, owner] = CountingCursor.statements
    assert set(counts.values()) == {1}
