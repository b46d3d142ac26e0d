"""What is done to projects and profiles is recorded, in the transaction that does it."""

from __future__ import annotations

import pytest

from picstore.auth.v1.audit_pb2 import AuditEvent
from picstore.catalog.v1.conversion_profile_pb2 import (
    ConversionProfile,
    CreateConversionProfileRequest,
    DeleteConversionProfileRequest,
    RollbackConversionProfileRequest,
    UpdateConversionProfileRequest,
)
from picstore.catalog.v1.project_pb2 import (
    CreateProjectRequest,
    DeleteProjectRequest,
    Project,
    UpdateProjectRequest,
)
from picstore.catalog.v1.upload_profile_pb2 import (
    DeleteUploadProfileRequest,
    GetUploadProfileRequest,
    UpdateUploadProfileRequest,
    UploadProfile,
)
from picstore_kit.errors import AlreadyExists
from picstore_kit.ids import TeamId
from picstore_kit.pg.database import Database
from tests.contract.catalog.callers import Client
from tests.contract.catalog.messages import SECRET, conversion_profile, document


class Log:
    """The audit log, as far as it has been read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: set[str] = set()

    async def news(self) -> list[AuditEvent]:
        """Return what was recorded since the last look, oldest first."""
        async with self._database.system_transaction() as conn:
            cursor = await conn.execute("SELECT event FROM audit_outbox ORDER BY id")
            events = [AuditEvent.FromString(bytes(event)) for (event,) in await cursor.fetchall()]
        news = [event for event in events if event.id not in self._seen]
        self._seen |= {event.id for event in news}
        return news

    async def only(self) -> AuditEvent:
        """Return the one event that was recorded since the last look."""
        (event,) = await self.news()
        return event


@pytest.fixture
def log(database: Database) -> Log:
    return Log(database)


def changes(event: AuditEvent) -> dict[str, tuple[str, str]]:
    return {change.field: (change.old_value, change.new_value) for change in event.changes}


async def test_the_life_of_a_project_is_recorded(admin: Client, log: Log, team_id: TeamId) -> None:
    wanted = Project(short_name="blog", max_bytes=1)
    made = await admin.projects.CreateProject(CreateProjectRequest(project=wanted))
    created = await log.only()
    assert (created.resource_type, created.resource_id) == ("Project", made.id)
    assert (created.team_id, created.project_id) == (team_id, made.id)
    assert created.user_id.startswith("usr_")
    assert created.outcome == AuditEvent.OUTCOME_DONE
    assert changes(created)["short_name"] == ("", "blog")

    changed = Project(id=made.id, max_bytes=2)
    await admin.projects.UpdateProject(UpdateProjectRequest(project=changed))
    assert changes(await log.only()) == {"max_bytes": ("1", "2")}

    await admin.projects.DeleteProject(DeleteProjectRequest(project_id=made.id))
    assert changes(await log.only())["short_name"] == ("blog", "")


async def test_the_life_of_a_conversion_profile_is_recorded(admin: Client, log: Log) -> None:
    profiles = admin.conversion_profiles
    made = await profiles.CreateConversionProfile(
        CreateConversionProfileRequest(conversion_profile=conversion_profile())
    )
    created = await log.only()
    assert (created.resource_type, created.resource_id) == ("ConversionProfile", made.id)
    assert not created.project_id

    changed = ConversionProfile(id=made.id, background="#000000")
    await profiles.UpdateConversionProfile(
        UpdateConversionProfileRequest(conversion_profile=changed)
    )
    assert changes(await log.only()) == {
        "background": ("#ffffff", "#000000"),
        "revision": ("1", "2"),
    }

    await profiles.RollbackConversionProfile(
        RollbackConversionProfileRequest(conversion_profile_id=made.id, revision=1)
    )
    assert changes(await log.only()) == {
        "background": ("#000000", "#ffffff"),
        "revision": ("2", "3"),
    }

    await profiles.DeleteConversionProfile(
        DeleteConversionProfileRequest(conversion_profile_id=made.id)
    )
    assert changes(await log.only())["short_name"] == ("web", "")


async def test_a_bootstrap_is_recorded_as_the_operators_and_without_secrets(
    operator: Client, log: Log, team_id: TeamId
) -> None:
    request = document(team_id)
    request.dry_run = True
    await operator.bootstrap.ApplyBootstrap(request)
    assert await log.news() == []

    request.dry_run = False
    await operator.bootstrap.ApplyBootstrap(request)

    news = await log.news()
    assert len(news) == len(
        [
            *request.projects,
            *request.storage_locations,
            *request.conversion_profiles,
            *request.upload_profiles,
        ]
    )
    assert {(event.service, event.user_id, event.team_id) for event in news} == {
        ("operator", "", team_id)
    }
    assert SECRET not in str(news)

    await operator.bootstrap.ApplyBootstrap(request)
    assert await log.news() == []


async def test_the_life_of_an_upload_profile_is_recorded(
    admin: Client, operator: Client, log: Log, team_id: TeamId
) -> None:
    ids = await operator.bootstrap.ApplyBootstrap(document(team_id))
    profile_id = ids.upload_profile_ids["blog/photos"]
    profiles = admin.upload_profiles
    kept = await profiles.GetUploadProfile(GetUploadProfileRequest(upload_profile_id=profile_id))
    await log.news()

    changed = UploadProfile(id=profile_id, outputs_path="pages")
    await profiles.UpdateUploadProfile(UpdateUploadProfileRequest(upload_profile=changed))
    updated = await log.only()
    assert (updated.resource_type, updated.project_id) == ("UploadProfile", kept.project_id)
    assert changes(updated) == {"outputs_path": ("web", "pages")}

    await profiles.DeleteUploadProfile(DeleteUploadProfileRequest(upload_profile_id=profile_id))
    assert changes(await log.only())["short_name"] == ("photos", "")


async def test_what_was_refused_or_changed_nothing_is_not_recorded(admin: Client, log: Log) -> None:
    request = CreateProjectRequest(project=Project(short_name="blog"), request_id="once")
    made = await admin.projects.CreateProject(request)
    await log.news()

    await admin.projects.CreateProject(request)
    await admin.projects.UpdateProject(UpdateProjectRequest(project=made))
    request.request_id = "twice"
    with pytest.raises(AlreadyExists):
        await admin.projects.CreateProject(request)

    assert await log.news() == []
