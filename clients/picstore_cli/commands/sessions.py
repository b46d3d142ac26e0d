"""`picstore sessions`."""

from __future__ import annotations

from typing import Annotated

import typer

from picstore.auth.v1.session_pb2 import (
    ListSessionsRequest,
    ListUserSessionsRequest,
    RevokeSessionRequest,
    RevokeUserSessionsRequest,
    Session,
)
from picstore_cli.completion import names_of
from picstore_cli.console import note
from picstore_cli.kinds import SESSION, USER
from picstore_cli.lazy import group
from picstore_cli.remote import Remote, RemoteCommand, first, print_list, run_remote
from picstore_cli.verbs import DEFAULT_LIMIT, LimitOption, YesOption, confirm
from picstore_client.methods import (
    LIST_SESSIONS,
    LIST_USER_SESSIONS,
    REVOKE_SESSION,
    REVOKE_USER_SESSIONS,
)

app = group("Sessions: who is logged in, and from where.")

UserOption = Annotated[
    str,
    typer.Option("--user", help="Of this user; your own if unset.", autocompletion=names_of(USER)),
]


@app.command("list", cls=RemoteCommand)
def list_sessions(
    ctx: typer.Context, user: UserOption = "", limit: LimitOption = DEFAULT_LIMIT
) -> None:
    """List live sessions, newest first.

    Examples:

      picstore sessions list

      picstore sessions list --user ada@example.com
    """

    async def work(remote: Remote) -> tuple[list[Session], bool]:
        client = remote.client
        if not user:
            return await first(client.pages(LIST_SESSIONS, ListSessionsRequest()), limit)
        request = ListUserSessionsRequest(user_id=await USER.id_of(client, user))
        return await first(client.pages(LIST_USER_SESSIONS, request), limit)

    print_list(ctx, SESSION, run_remote(ctx, work))


@app.command("revoke", cls=RemoteCommand)
def revoke(
    ctx: typer.Context,
    session: Annotated[str, typer.Argument(help="One of your own (ses_…).")] = "",
    user: Annotated[
        str,
        typer.Option("--user", help="All of this user's.", autocompletion=names_of(USER)),
    ] = "",
    yes: YesOption = False,
) -> None:
    """End one of your own sessions, or all of a user's, at once.

    Examples:

      picstore sessions revoke ses_01h455vb4pex5vsknk084sn02q --yes

      picstore sessions revoke --user ada@example.com --yes
    """
    if bool(session) == bool(user):
        raise typer.BadParameter("name a session of your own, or a --user")
    confirm(f"End {session or f'all sessions of {user}'}?", yes=yes)

    async def work(remote: Remote) -> int:
        client = remote.client
        if session:
            await client.call(REVOKE_SESSION, RevokeSessionRequest(session_id=session))
            return 1
        request = RevokeUserSessionsRequest(user_id=await USER.id_of(client, user))
        return (await client.call(REVOKE_USER_SESSIONS, request)).revoked

    note(f"sessions ended: {run_remote(ctx, work)}")
