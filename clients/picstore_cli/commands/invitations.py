"""`picstore invitations`."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from picstore.auth.v1.invitation_pb2 import (
    AcceptInvitationRequest,
    Invitation,
    ListInvitationsRequest,
    RevokeInvitationRequest,
)
from picstore.auth.v1.user_pb2 import User
from picstore_cli.completion import names_of
from picstore_cli.console import note
from picstore_cli.kinds import INVITATION, USER
from picstore_cli.lazy import group
from picstore_cli.remote import Remote, RemoteCommand, first, print_list, print_one, run_remote
from picstore_cli.running import run
from picstore_cli.verbs import DEFAULT_LIMIT, LimitOption, YesOption, confirm
from picstore_client import PicStoreClient
from picstore_client.methods import ACCEPT_INVITATION, LIST_INVITATIONS, REVOKE_INVITATION

app = group("Invitations: one-time links by which users set a password.")


@app.command("list", cls=RemoteCommand)
def list_invitations(
    ctx: typer.Context,
    user: Annotated[
        str, typer.Option("--user", help="Only of this user.", autocompletion=names_of(USER))
    ] = "",
    limit: LimitOption = DEFAULT_LIMIT,
) -> None:
    """List the team's invitations, newest first; `picstore users invite` makes one.

    Example:

      picstore invitations list
    """

    async def work(remote: Remote) -> tuple[list[Invitation], bool]:
        user_id = await USER.id_of(remote.client, user) if user else ""
        request = ListInvitationsRequest(user_id=user_id)
        return await first(remote.client.pages(LIST_INVITATIONS, request), limit)

    print_list(ctx, INVITATION, run_remote(ctx, work))


@app.command("revoke", cls=RemoteCommand)
def revoke(
    ctx: typer.Context,
    invitation: Annotated[str, typer.Argument(help="Id (inv_…).")],
    yes: YesOption = False,
) -> None:
    """Withdraw an invitation.

    Example:

      picstore invitations revoke inv_01h455vb4pex5vsknk084sn02q --yes
    """
    confirm(f"Withdraw the invitation {invitation}?", yes=yes)

    async def work(remote: Remote) -> Invitation:
        request = RevokeInvitationRequest(invitation_id=invitation)
        return await remote.client.call(REVOKE_INVITATION, request)

    print_one(ctx, INVITATION, run_remote(ctx, work))


@app.command("accept")
def accept(
    link: Annotated[str, typer.Argument(help="The link, as it was given to you.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Set your password by the link that you were given.

    Example:

      picstore invitations accept https://pictures.example.com/invitations/psi_…
    """
    url, token = _parts(link)
    password = new_password(password_stdin)

    async def work() -> User:
        async with PicStoreClient(url) as client:
            return await client.call(
                ACCEPT_INVITATION, AcceptInvitationRequest(token=token, password=password)
            )

    user = run(work())
    note(f"the password is set; now: picstore login {url} --email {user.email}")


def new_password(from_stdin: bool) -> str:
    """Read a password that is to be: twice where a person types it."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != password:
        raise typer.BadParameter("the two passwords are not the same")
    return password


def _parts(link: str) -> tuple[str, str]:
    """Split a link into the gateway's URL and the token."""
    scheme, slashes, rest = link.partition("://")
    host, _, path = rest.partition("/")
    start = path.find("psi_")
    if not slashes or not host or start < 0:
        raise typer.BadParameter("this is no link of an invitation: paste it whole")
    token = path[start:].partition("&")[0].partition("/")[0]
    return f"{scheme}://{host}", token
