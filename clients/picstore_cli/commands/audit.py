"""`picstore audit`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from picstore.auth.v1.audit_pb2 import AuditEvent, ListAuditEventsRequest
from picstore_cli.completion import names_of
from picstore_cli.instants import past
from picstore_cli.kinds import AUDIT_EVENT, USER
from picstore_cli.lazy import group
from picstore_cli.remote import Remote, RemoteCommand, first, print_list, run_remote
from picstore_cli.verbs import DEFAULT_LIMIT, LimitOption, parsed
from picstore_client.methods import LIST_AUDIT_EVENTS

app = group("The audit log: who did what to which object, when, and from where.")


@app.callback()
def audit() -> None:
    """Keep `list` a command of its own, also while it is the only one."""


@app.command("list", cls=RemoteCommand)
def list_events(
    ctx: typer.Context,
    user: Annotated[
        str, typer.Option("--user", help="What this user did.", autocompletion=names_of(USER))
    ] = "",
    credential: Annotated[
        str, typer.Option("--credential", help="What was done by this key or session; an id.")
    ] = "",
    method: Annotated[str, typer.Option("--method", help="Such as UpdateProject.")] = "",
    kind: Annotated[str, typer.Option("--type", help="Such as Project.")] = "",
    resource: Annotated[str, typer.Option("--object", help="What was done to it; an id.")] = "",
    denied: Annotated[bool, typer.Option("--denied", help="Only what was refused.")] = False,
    since: Annotated[str | None, typer.Option("--since", help="2h, or 2026-01-31.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="2h, or 2026-01-31.")] = None,
    limit: LimitOption = DEFAULT_LIMIT,
) -> None:
    """List what happened in the team, newest first.

    Examples:

      picstore audit list --user ada@example.com --since 2h

      picstore audit list --denied --json
    """
    request = ListAuditEventsRequest(
        credential_id=credential,
        method=method,
        resource_type=kind,
        resource_id=resource,
        outcome=AuditEvent.OUTCOME_DENIED if denied else AuditEvent.OUTCOME_UNSPECIFIED,
        start_time=_time(since),
        end_time=_time(until),
    )

    async def work(remote: Remote) -> tuple[list[AuditEvent], bool]:
        if user:
            request.user_id = await USER.id_of(remote.client, user)
        wanted = limit + 1 if limit else None
        return await first(remote.client.pages(LIST_AUDIT_EVENTS, request, limit=wanted), limit)

    print_list(ctx, AUDIT_EVENT, run_remote(ctx, work))


def _time(text: str | None) -> Timestamp | None:
    time = parsed(lambda words: past(words, now=datetime.now(UTC)), text)
    if time is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp
