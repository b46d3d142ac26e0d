"""`picstore projects`."""

from __future__ import annotations

from typing import Annotated

import typer

from picstore.catalog.v1.project_pb2 import CreateProjectRequest, Project
from picstore_cli.completion import names_of
from picstore_cli.kinds import PROJECT
from picstore_cli.lazy import group
from picstore_cli.messages import parse_into, read_document
from picstore_cli.remote import Remote, RemoteCommand, print_one, run_remote
from picstore_cli.verbs import (
    FileOption,
    add_delete,
    add_list,
    add_show,
    change,
    given,
    something,
)
from picstore_client.methods import CREATE_PROJECT, UPDATE_PROJECT

app = group("The web sites and applications of the team.")
add_list(app, PROJECT, "projects list")
add_show(app, PROJECT, "projects show blog")
add_delete(app, PROJECT, "projects delete blog --yes")

NameOption = Annotated[str | None, typer.Option("--name", help="For people.")]
MaxBytesOption = Annotated[
    int | None, typer.Option("--max-bytes", min=0, help="The largest original; 0: no own limit.")
]
MaxPixelsOption = Annotated[
    int | None, typer.Option("--max-pixels", min=0, help="The largest original; 0: no own limit.")
]


@app.command("create", cls=RemoteCommand)
def create(
    ctx: typer.Context,
    short_name: Annotated[str | None, typer.Argument(help="Unique in the team.")] = None,
    name: NameOption = None,
    base_path: Annotated[
        str | None, typer.Option("--base-path", help="First part of its object keys.")
    ] = None,
    max_bytes: MaxBytesOption = None,
    max_pixels: MaxPixelsOption = None,
    file: FileOption = None,
) -> None:
    """Make a project.

    Example:

      picstore projects create blog --name "The blog"
    """
    project = Project()
    parse_into(project, read_document(file) if file else {})
    parse_into(
        project,
        given(
            short_name=short_name,
            display_name=name,
            base_path=base_path,
            max_bytes=max_bytes,
            max_pixels=max_pixels,
        ),
    )

    async def work(remote: Remote) -> Project:
        return await remote.client.call(CREATE_PROJECT, CreateProjectRequest(project=project))

    print_one(ctx, PROJECT, run_remote(ctx, work))


@app.command("update", cls=RemoteCommand)
def update(
    ctx: typer.Context,
    project: Annotated[
        str, typer.Argument(help="Id or short name.", autocompletion=names_of(PROJECT))
    ],
    name: NameOption = None,
    max_bytes: MaxBytesOption = None,
    max_pixels: MaxPixelsOption = None,
    file: FileOption = None,
) -> None:
    """Change a project.

    Examples:

      picstore projects update blog --name "Our blog" --max-bytes 20000000

      picstore projects show blog -o yaml > blog.yaml; picstore projects update blog -f blog.yaml
    """
    document = read_document(file) if file else {}
    document |= given(display_name=name, max_bytes=max_bytes, max_pixels=max_pixels)
    something(document)

    async def work(remote: Remote) -> Project:
        return await change(remote, PROJECT, project, UPDATE_PROJECT, document)

    print_one(ctx, PROJECT, run_remote(ctx, work))
