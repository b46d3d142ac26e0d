"""Transactions and repeated requests."""

from __future__ import annotations

import pytest

from picstore.catalog.v1.project_pb2 import CreateProjectRequest, Project
from picstore_catalog.mapping.project import project_message
from picstore_catalog.repo import project as projects
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_kit.errors import AlreadyExists
from picstore_kit.ids import ProjectId, TeamId
from tests.integration.catalog.projects.objects import access_to, project


async def count_projects(work: UnitOfWork, team_id: TeamId) -> int:
    async with work.begin(team_id) as transaction:
        found = await projects.find_all(
            transaction, access_to(team_id), short_name="", after=None, limit=10
        )
    return len(found)


async def test_a_trial_is_taken_back(work: UnitOfWork, team_id: TeamId) -> None:
    async with work.begin_trial(team_id) as transaction:
        await projects.insert(transaction, access_to(team_id), project())

    assert await count_projects(work, team_id) == 0


async def test_a_request_that_failed_may_be_repeated(work: UnitOfWork, team_id: TeamId) -> None:
    access = access_to(team_id)
    request = CreateProjectRequest(request_id="once")
    names = iter(["taken", "free"])

    async def create(transaction: Transaction) -> Project:
        made = await projects.insert(transaction, access, project(next(names)))
        return project_message(made)

    async with work.begin(team_id) as transaction:
        await projects.insert(transaction, access, project("taken"))

    async def attempt() -> Project:
        return await work.once(
            access, method="CreateProject", request=request, answer=Project, work=create
        )

    with pytest.raises(AlreadyExists):
        await attempt()
    made = await attempt()

    assert made.short_name == "free"
    assert await attempt() == made
    assert await count_projects(work, team_id) == 2


async def test_pages_begin_behind_a_project_that_is_gone(work: UnitOfWork, team_id: TeamId) -> None:
    access = access_to(team_id)
    async with work.begin(team_id) as transaction:
        made = [await projects.insert(transaction, access, project(name)) for name in "abc"]
        await transaction.execute("DELETE FROM projects WHERE id = %s", (made[1].value.id,))
        rest = await projects.find_all(
            transaction, access, short_name="", after=ProjectId(made[1].value.id), limit=10
        )

    assert [stored.value.short_name for stored in rest] == ["c"]
