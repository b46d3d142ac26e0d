"""The audit log over the wire: what gets in, who reads it, and what can be asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from picstore.auth.v1 import audit_pb2, role_pb2, user_pb2
from picstore.options.v1.permission_pb2 import PERMISSION_AUDIT_READ
from picstore_kit.errors import InvalidArgument, InvalidFields, PermissionDenied, Reason
from picstore_kit.ids import (
    AuditEventId,
    KeyId,
    ProjectId,
    RoleId,
    SessionId,
    UserId,
    new_id,
)
from tests.contract.auth.calls import create_user, refusal, update_user
from tests.contract.auth.clients import ADMIN_AND_WRITER, Client, Connect, Team, found_team

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
UPDATE_PROJECT = "picstore.catalog.v1.ProjectService/UpdateProject"


def at(time: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp


def event(team: Team, minute: int = 0, **fields: Any) -> audit_pb2.AuditEvent:
    """Something that was done in the catalog, so many minutes after noon."""
    return audit_pb2.AuditEvent(
        **{
            "id": new_id(AuditEventId),
            "event_time": at(NOON + timedelta(minutes=minute)),
            "team_id": team.id,
            "method": UPDATE_PROJECT,
            "resource_type": "Project",
            "outcome": audit_pb2.AuditEvent.OUTCOME_DONE,
            **fields,
        }
    )


async def record(service: Client, *events: audit_pb2.AuditEvent) -> int:
    request = audit_pb2.RecordAuditEventsRequest(audit_events=events)
    return (await service.audit.RecordAuditEvents(request)).recorded


async def listed(client: Client, **wanted: Any) -> Sequence[audit_pb2.AuditEvent]:
    """What the catalog handed over, newest first."""
    response = await client.audit.ListAuditEvents(
        audit_pb2.ListAuditEventsRequest(**{"end_time": at(NOON + timedelta(days=1)), **wanted})
    )
    return response.audit_events


async def eventually_listed(client: Client, **wanted: Any) -> audit_pb2.AuditEvent:
    """The newest event, as soon as the relay has handed it over."""
    request = audit_pb2.ListAuditEventsRequest(**wanted)
    async with asyncio.timeout(30):
        while True:
            found = (await client.audit.ListAuditEvents(request)).audit_events
            if found:
                return found[0]
            await asyncio.sleep(0.05)


async def test_what_is_done_is_listed_with_who_did_it_and_what_it_changed(team: Team) -> None:
    user = await create_user(team["admin"], "ann@example.org")
    user.display_name = "Ann"
    await update_user(team["admin"], user, "display_name")
    found = await eventually_listed(team["admin"], resource_id=user.id, method="UpdateUser")
    assert found.team_id == team.id
    assert found.credential_id == team.members["admin"].api_key.key_id
    assert found.user_id.startswith("usr_")
    assert found.resource_type == "User"
    assert found.outcome == audit_pb2.AuditEvent.OUTCOME_DONE
    assert found.method == "picstore.auth.v1.UserService/UpdateUser"
    assert found.request_id
    assert found.user_agent
    assert [(c.field, c.old_value, c.new_value) for c in found.changes] == [
        ("display_name", "", "Ann")
    ]


async def test_what_somebody_was_not_allowed_to_do_is_listed_as_denied(
    operator: Client, connect: Connect
) -> None:
    team = await found_team(
        operator, connect, {**ADMIN_AND_WRITER, "reader": [PERMISSION_AUDIT_READ]}
    )
    user = await create_user(team["admin"], "ann@example.org")
    delete = user_pb2.DeleteUserRequest(user_id=user.id)
    assert isinstance(await refusal(team["reader"].users.DeleteUser(delete)), PermissionDenied)
    found = await eventually_listed(team["reader"], outcome=audit_pb2.AuditEvent.OUTCOME_DENIED)
    assert (found.reason, found.resource_type, found.resource_id) == (
        "PERMISSION_MISSING",
        "User",
        user.id,
    )
    assert found.method == "picstore.auth.v1.UserService/DeleteUser"
    assert found.credential_id == team.members["reader"].api_key.key_id


async def test_an_event_that_is_handed_over_twice_is_there_once(
    team: Team, service: Client
) -> None:
    first, second = event(team), event(team)
    assert await record(service, first) == 1
    assert await record(service, first, second) == 1
    assert sorted(found.id for found in await listed(team["admin"])) == sorted(
        [first.id, second.id]
    )


async def test_an_event_comes_back_as_it_was_handed_over(team: Team, service: Client) -> None:
    whole = event(
        team,
        user_id=new_id(UserId),
        credential_id=new_id(SessionId),
        service="catalog",
        client_address="2001:db8::7",
        user_agent="curl/8",
        request_id="4f0c6e1b",
        resource_id=new_id(ProjectId),
        project_id=new_id(ProjectId),
        outcome=audit_pb2.AuditEvent.OUTCOME_DENIED,
        reason="PERMISSION_MISSING",
        changes=[audit_pb2.AuditChange(field="short_name", old_value="a", new_value="b")],
    )
    await record(service, whole)
    assert list(await listed(team["admin"])) == [whole]


async def test_the_log_is_the_teams_own(
    team: Team, service: Client, operator: Client, connect: Connect
) -> None:
    other = await found_team(operator, connect, ADMIN_AND_WRITER)
    nobodys = event(team, team_id="")
    await record(service, event(team), nobodys)
    assert await listed(other["admin"]) == []
    assert nobodys.id not in {found.id for found in await listed(team["admin"])}


async def test_the_log_needs_its_own_permission(team: Team) -> None:
    error = await refusal(team["writer"].audit.ListAuditEvents(audit_pb2.ListAuditEventsRequest()))
    assert isinstance(error, PermissionDenied)
    assert error.metadata == {"permission": "audit:read"}


async def test_only_services_hand_events_over(team: Team) -> None:
    error = await refusal(
        team["admin"].audit.RecordAuditEvents(
            audit_pb2.RecordAuditEventsRequest(audit_events=[event(team)])
        )
    )
    assert error.reason is Reason.SERVICE_ONLY


async def test_every_filter_narrows_the_list(team: Team, service: Client) -> None:
    ann, key, session, project = new_id(UserId), new_id(KeyId), new_id(SessionId), new_id(ProjectId)
    method = "picstore.catalog.v1.ImageService/DeleteImage"
    by_filter: dict[str, tuple[dict[str, Any], audit_pb2.AuditEvent]] = {
        "user": ({"user_id": ann}, event(team, 1, user_id=ann)),
        "key": ({"credential_id": key}, event(team, 2, credential_id=key)),
        "session": ({"credential_id": session}, event(team, 3, credential_id=session)),
        "method": ({"method": "DeleteImage"}, event(team, 4, method=method)),
        "type": ({"resource_type": "Role"}, event(team, 5, resource_type="Role")),
        "resource": ({"resource_id": project}, event(team, 6, resource_id=project)),
        "outcome": (
            {"outcome": audit_pb2.AuditEvent.OUTCOME_DENIED},
            event(
                team,
                7,
                outcome=audit_pb2.AuditEvent.OUTCOME_DENIED,
                reason="PERMISSION_MISSING",
            ),
        ),
        "from": ({"start_time": at(NOON + timedelta(minutes=8))}, event(team, 8)),
        "until": ({"end_time": at(NOON + timedelta(minutes=1))}, event(team, 0)),
    }
    await record(service, *(made for _, made in by_filter.values()))
    for name, (wanted, made) in by_filter.items():
        assert [found.id for found in await listed(team["admin"], **wanted)] == [made.id], name
    whole = await listed(team["admin"], method=method)
    assert [found.id for found in whole] == [by_filter["method"][1].id]
    elsewhere = method.replace("ImageService", "OtherService")
    assert await listed(team["admin"], method=elsewhere) == []


async def test_pages_go_on_where_they_ended_while_events_come_in(
    team: Team, service: Client
) -> None:
    events = [event(team, minute // 2) for minute in range(7)]  # two of each minute
    await record(service, *events)
    seen: list[str] = []
    request = audit_pb2.ListAuditEventsRequest(page_size=3, end_time=at(NOON + timedelta(days=1)))
    while True:
        page = await team["admin"].audit.ListAuditEvents(request)
        seen += [found.id for found in page.audit_events]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
        await record(service, event(team, 100))
    newest_first = sorted(events, key=lambda made: (made.event_time.seconds, made.id), reverse=True)
    assert seen == [made.id for made in newest_first]


async def test_a_page_token_of_another_filter_is_refused(team: Team, service: Client) -> None:
    await record(service, event(team, 1), event(team, 2))
    request = audit_pb2.ListAuditEventsRequest(page_size=1)
    request.page_token = (await team["admin"].audit.ListAuditEvents(request)).next_page_token
    request.resource_type = "Project"
    error = await refusal(team["admin"].audit.ListAuditEvents(request))
    assert isinstance(error, InvalidArgument)
    assert error.reason is Reason.PAGE_TOKEN_INVALID


async def test_every_wrong_filter_is_named_at_once(admin: Client) -> None:
    error = await refusal(
        admin.audit.ListAuditEvents(
            audit_pb2.ListAuditEventsRequest(
                user_id=new_id(RoleId),
                credential_id="key_",
                method="\x00",
                resource_type="no type",
                resource_id="blog",
                outcome=99,  # type: ignore[arg-type]  # what a newer client might send
                start_time=Timestamp(seconds=-(10**12)),
            )
        )
    )
    assert isinstance(error, InvalidFields)
    assert {violation.field for violation in error.violations} == {
        "user_id",
        "credential_id",
        "method",
        "resource_type",
        "resource_id",
        "outcome",
        "start_time",
    }


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"id": "x"}, "audit_events[1].id"),
        ({"event_time": None}, "audit_events[1].event_time"),
        ({"outcome": 0}, "audit_events[1].outcome"),
        ({"reason": "PERMISSION_MISSING"}, "audit_events[1].reason"),
    ],
)
async def test_an_event_that_says_nothing_is_refused_with_its_place(
    team: Team, service: Client, fields: dict[str, Any], path: str
) -> None:
    error = await refusal(
        service.audit.RecordAuditEvents(
            audit_pb2.RecordAuditEventsRequest(audit_events=[event(team), event(team, **fields)])
        )
    )
    assert isinstance(error, InvalidFields)
    assert [violation.field for violation in error.violations] == [path]
    assert await listed(team["admin"]) == []


async def test_deleted_objects_keep_their_history(team: Team, admin: Client) -> None:
    role = await admin.roles.CreateRole(
        role_pb2.CreateRoleRequest(role=role_pb2.Role(short_name="gone"))
    )
    await admin.roles.DeleteRole(role_pb2.DeleteRoleRequest(role_id=role.id))
    found = await eventually_listed(admin, resource_id=role.id, method="DeleteRole")
    assert ("short_name", "gone", "") in [
        (c.field, c.old_value, c.new_value) for c in found.changes
    ]
