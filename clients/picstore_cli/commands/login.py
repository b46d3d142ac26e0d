"""`picstore login`, `logout` and `whoami`."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer
from pydantic import SecretStr
from rich.markup import escape

from picstore.auth.v1.authentication_pb2 import Principal
from picstore.auth.v1.session_pb2 import LoginRequest, LogoutRequest
from picstore.auth.v1.team_pb2 import GetTeamRequest, Team
from picstore_cli.completion import context_names
from picstore_cli.console import json_text, note, out, table, write
from picstore_cli.context import local_stack
from picstore_cli.contexts import SavedContext, contexts_path, load_contexts, save_contexts
from picstore_cli.grants import write_grant
from picstore_cli.lazy import group
from picstore_cli.remote import Form, Remote, RemoteCommand, form_of, run_remote
from picstore_cli.running import run
from picstore_client import PicStoreClient
from picstore_client.methods import GET_TEAM, LOGIN, LOGOUT
from picstore_kit.errors import Unauthenticated

SESSION_PREFIX = "pss_"
"""What the credentials of sessions begin with."""


def login(
    url: Annotated[
        str | None, typer.Argument(help="The gateway; the local stack's if unset.")
    ] = None,
    team: Annotated[str, typer.Option("--team", help="The team's short name.")] = "",
    email: Annotated[str | None, typer.Option("--email", help="Your address.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    api_key_stdin: Annotated[
        bool, typer.Option("--api-key", help="Read an API key from standard input, in its place.")
    ] = False,
    project: Annotated[
        str, typer.Option("--project", help="The project of commands that name none.")
    ] = "",
    name: Annotated[
        str | None, typer.Option("--name", help="Of the context; made of team and host if unset.")
    ] = None,
) -> None:
    """Log in, and keep it as a context that other commands then use.

    Examples:

      picstore login https://pictures.example.com --team acme --email ada@example.com

      echo "$KEY" | picstore login https://pictures.example.com --api-key --name robot
    """
    url = url or _local_url()
    if not url.startswith(("http://", "https://")) or not urlsplit(url).hostname:
        raise typer.BadParameter(f"{url} is no URL of a gateway")
    if api_key_stdin:
        email, secret = "", _line()
    else:
        email = email or typer.prompt("E-mail", err=True)
        secret = _line() if password_stdin else getpass.getpass("Password: ")

    async def work() -> tuple[str, Team]:
        credential = secret
        if not api_key_stdin:
            async with PicStoreClient(url) as client:
                begun = await client.call(
                    LOGIN, LoginRequest(team=team, email=email, password=secret)
                )
            credential = begun.credential
        async with PicStoreClient(url, credential) as client:
            caller = await client.get_principal()
            return credential, await client.call(GET_TEAM, GetTeamRequest(team_id=caller.team_id))

    async def kept() -> str:
        path = contexts_path()
        # Before the password is sent: a session that can't be kept had better not begin.
        load_contexts(path)
        credential, found = await work()
        chosen = name or f"{found.short_name}@{urlsplit(url).netloc}"
        context = SavedContext(
            url=url,
            credential=SecretStr(credential),
            team=found.short_name,
            email=email,
            project=project,
        )
        save_contexts(path, load_contexts(path).with_context(chosen, context))
        return chosen

    note(f"logged in; the context is {run(kept())}")


def logout(
    name: Annotated[
        str,
        typer.Argument(help="The context; the current one if unset.", autocompletion=context_names),
    ] = "",
) -> None:
    """End the session of a context, and forget the context.

    Example:

      picstore logout
    """

    async def work() -> str:
        path = contexts_path()
        contexts = load_contexts(path)
        chosen = name or contexts.current
        context = contexts.get(chosen)
        credential = context.credential.get_secret_value()
        if credential.startswith(SESSION_PREFIX):
            async with PicStoreClient(context.url, credential) as client:
                try:
                    await client.call(LOGOUT, LogoutRequest())
                except Unauthenticated:
                    note("the session had ended already")
        save_contexts(path, contexts.without(chosen))
        return chosen

    note(f"logged out of {run(work())}")


whoami_app = group()


@whoami_app.command(cls=RemoteCommand)
def whoami(ctx: typer.Context) -> None:
    """Say who you are to which Pic Store, and what you may do.

    Example:

      picstore whoami
    """

    async def work(remote: Remote) -> tuple[str, Principal, Team]:
        caller = await remote.client.get_principal()
        team = await remote.client.call(GET_TEAM, GetTeamRequest(team_id=caller.team_id))
        return remote.url, caller, team

    url, caller, team = run_remote(ctx, work)
    if form_of(ctx) is not Form.TABLE:
        write(json_text(caller, indent=2))
        return
    rows = table("field", "value")
    rows.add_row("gateway", escape(url))
    rows.add_row("team", escape(f"{team.short_name} ({team.id})"))
    rows.add_row("user", caller.user_id)
    rows.add_row("credential", caller.key_id or caller.session_id)
    rows.add_row("may", "\n".join(write_grant(grant) for grant in caller.grants))
    out.print(rows)


def _local_url() -> str:
    stack = local_stack()
    if stack is None or "gateway" not in stack.urls:
        raise typer.BadParameter("no Pic Store runs here: say the URL of the gateway")
    return stack.urls["gateway"]


def _line() -> str:
    return sys.stdin.readline().rstrip("\r\n")
