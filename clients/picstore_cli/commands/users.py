"""`picstore users`."""

from __future__ import annotations

from typing import Annotated

import typer
from google.protobuf.duration_pb2 import Duration

from picstore.auth.v1.invitation_pb2 import CreateInvitationRequest
from picstore.auth.v1.user_pb2 import CreateUserRequest, User
from picstore_cli.completion import names_of
from picstore_cli.console import json_text, note, write
from picstore_cli.instants import span
from picstore_cli.kinds import ROLE, USER
from picstore_cli.lazy import group
from picstore_cli.messages import read_document
from picstore_cli.remote import Form, Remote, RemoteCommand, form_of, print_one, run_remote
from picstore_cli.verbs import (
    FileOption,
    add_delete,
    add_list,
    add_show,
    change,
    given,
    parsed,
    something,
)
from picstore_client.methods import CREATE_INVITATION, CREATE_USER, UPDATE_USER
from picstore_kit.errors import NotFound

app = group("The people of the team.")
add_list(app, USER, "users list")
add_show(app, USER, "users show ada@example.com")
add_delete(app, USER, "users delete ada@example.com --yes")

NameOption = Annotated[str | None, typer.Option("--name", help="For people.")]
RoleOption = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        help="A role, by id or short name; may be repeated.",
        autocompletion=names_of(ROLE),
    ),
]
UserArgument = Annotated[
    str, typer.Argument(help="Id or e-mail address.", autocompletion=names_of(USER))
]


@app.command("create", cls=RemoteCommand)
def create(
    ctx: typer.Context,
    email: Annotated[str, typer.Argument(help="Unique in the team.")],
    name: NameOption = None,
    role: RoleOption = None,
) -> None:
    """Add a user, who can't log in before they are invited.

    Example:

      picstore users create robot@example.com --role uploader
    """

    async def work(remote: Remote) -> User:
        return await _create(remote, email, name, role)

    print_one(ctx, USER, run_remote(ctx, work))


@app.command("invite", cls=RemoteCommand)
def invite(
    ctx: typer.Context,
    email: Annotated[str, typer.Argument(help="Of a new user, or of one who has no password.")],
    name: NameOption = None,
    role: RoleOption = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="How long the link is good, such as 2d.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the link.")] = False,
) -> None:
    """Print a one-time link by which a user sets a password; the user is made if there is none.

    Examples:

      picstore users invite ada@example.com --role editor --name "Ada Lovelace"

      picstore users invite ada@example.com --expires 2d
    """
    lifetime = None
    if length := parsed(span, expires):
        lifetime = Duration()
        lifetime.FromTimedelta(length)

    async def work(remote: Remote) -> tuple[str, str]:
        try:
            user_id = await USER.id_of(remote.client, email)
            if role or name:
                note("the user is there already: name and roles stay; see `picstore users update`")
        except NotFound:
            user_id = (await _create(remote, email, name, role)).id
        made = await remote.client.call(
            CREATE_INVITATION, CreateInvitationRequest(user_id=user_id, lifetime=lifetime)
        )
        return json_text(made, indent=2), remote.url.rstrip("/") + made.path

    as_json, link = run_remote(ctx, work)
    if form_of(ctx) is Form.JSON:
        write(as_json)
        return
    write(link)
    if not quiet:
        note("give this link to the user; it works once and is not shown again")


@app.command("update", cls=RemoteCommand)
def update(
    ctx: typer.Context,
    user: UserArgument,
    name: NameOption = None,
    role: RoleOption = None,
    disabled: Annotated[
        bool | None,
        typer.Option("--disable/--enable", help="Whether all credentials are refused."),
    ] = None,
    file: FileOption = None,
) -> None:
    """Change a user; the roles that are given replace those that there are.

    Examples:

      picstore users update ada@example.com --role editor --role auditor

      picstore users update ada@example.com --disable
    """
    document = read_document(file) if file else {}
    document |= given(display_name=name, disabled=disabled)

    async def work(remote: Remote) -> User:
        if role:
            document["role_ids"] = await _role_ids(remote, role)
        return await change(remote, USER, user, UPDATE_USER, something(document))

    print_one(ctx, USER, run_remote(ctx, work))


async def _create(remote: Remote, email: str, name: str | None, roles: list[str] | None) -> User:
    user = User(email=email, display_name=name or "", role_ids=await _role_ids(remote, roles or []))
    return await remote.client.call(CREATE_USER, CreateUserRequest(user=user))


async def _role_ids(remote: Remote, names: list[str]) -> list[str]:
    return [await ROLE.id_of(remote.client, name) for name in names]
