"""`picstore roles`."""

from __future__ import annotations

from typing import Annotated

import typer

from picstore.auth.v1.role_pb2 import CreateRoleRequest, Role
from picstore_cli.completion import names_of
from picstore_cli.granting import GrantOption, grants_of
from picstore_cli.kinds import ROLE
from picstore_cli.lazy import group
from picstore_cli.messages import parse_into, read_document
from picstore_cli.remote import Remote, RemoteCommand, print_one, run_remote
from picstore_cli.verbs import FileOption, add_delete, add_list, add_show, change, given, something
from picstore_client.methods import CREATE_ROLE, UPDATE_ROLE

app = group("Roles: what users may do.")
add_list(app, ROLE, "roles list")
add_show(app, ROLE, "roles show editor")
add_delete(app, ROLE, "roles delete editor --yes")

NameOption = Annotated[str | None, typer.Option("--name", help="For people.")]


@app.command("create", cls=RemoteCommand)
def create(
    ctx: typer.Context,
    short_name: Annotated[str | None, typer.Argument(help="Unique in the team.")] = None,
    name: NameOption = None,
    grant: GrantOption = None,
    file: FileOption = None,
) -> None:
    """Make a role.

    Example:

      picstore roles create editor --grant project:read@blog --grant image:read@blog
    """
    document = read_document(file) if file else {}
    document |= given(short_name=short_name, display_name=name)

    async def work(remote: Remote) -> Role:
        role = Role()
        parse_into(role, document | await grants_of(remote, grant))
        return await remote.client.call(CREATE_ROLE, CreateRoleRequest(role=role))

    print_one(ctx, ROLE, run_remote(ctx, work))


@app.command("update", cls=RemoteCommand)
def update(
    ctx: typer.Context,
    role: Annotated[str, typer.Argument(help="Id or short name.", autocompletion=names_of(ROLE))],
    name: NameOption = None,
    grant: GrantOption = None,
    file: FileOption = None,
) -> None:
    """Change a role; the grants that are given replace those that there are.

    Examples:

      picstore roles update editor --grant image:read --grant image:edit

      picstore roles show editor -o yaml > editor.yaml; picstore roles update editor -f editor.yaml
    """
    document = read_document(file) if file else {}
    document |= given(display_name=name)

    async def work(remote: Remote) -> Role:
        whole = something(document | await grants_of(remote, grant))
        return await change(remote, ROLE, role, UPDATE_ROLE, whole)

    print_one(ctx, ROLE, run_remote(ctx, work))
