"""`picstore profiles`: conversion profiles."""

from __future__ import annotations

from typing import Annotated

import typer

from picstore.catalog.v1.conversion_profile_pb2 import (
    ConversionProfile,
    CreateConversionProfileRequest,
)
from picstore_cli.completion import names_of
from picstore_cli.console import format_name
from picstore_cli.kinds import CONVERSION_PROFILE, time_text
from picstore_cli.lazy import group
from picstore_cli.messages import read_document
from picstore_cli.remote import Remote, RemoteCommand, print_one, run_remote
from picstore_cli.revisioned import add_history, add_rollback, fill_new
from picstore_cli.verbs import (
    FileOption,
    OnlyForOption,
    add_delete,
    add_list,
    add_show,
    change,
    given,
    something,
)
from picstore_client.methods import (
    CREATE_CONVERSION_PROFILE,
    LIST_CONVERSION_PROFILE_REVISIONS,
    ROLLBACK_CONVERSION_PROFILE,
    UPDATE_CONVERSION_PROFILE,
)

app = group("Conversion profiles: the formats and sizes that are made of a picture.")
add_list(app, CONVERSION_PROFILE, "profiles list")
add_show(app, CONVERSION_PROFILE, "profiles show web -o yaml")
add_delete(app, CONVERSION_PROFILE, "profiles delete web --yes")

ProfileArgument = Annotated[
    str, typer.Argument(help="Id or short name.", autocompletion=names_of(CONVERSION_PROFILE))
]
NameOption = Annotated[str | None, typer.Option("--name", help="For people.")]
BackgroundOption = Annotated[
    str | None, typer.Option("--background", help="Behind transparent parts: #rrggbb.")
]


@app.command("create", cls=RemoteCommand)
def create(
    ctx: typer.Context,
    file: FileOption,
    short_name: Annotated[str | None, typer.Argument(help="Unique in the team.")] = None,
    name: NameOption = None,
    background: BackgroundOption = None,
    only_for: OnlyForOption = None,
) -> None:
    """Make a conversion profile; its formats and sizes are read from a file.

    Examples:

      picstore profiles create web -f profile.yaml

      picstore profiles show web -o yaml | picstore profiles create web-2 -f -
    """
    profile = ConversionProfile()
    fill_new(profile, file, short_name=short_name, display_name=name, background=background)

    async def work(remote: Remote) -> ConversionProfile:
        if only_for:
            profile.project_id = await remote.project_id(only_for)
        return await remote.client.call(
            CREATE_CONVERSION_PROFILE, CreateConversionProfileRequest(conversion_profile=profile)
        )

    print_one(ctx, CONVERSION_PROFILE, run_remote(ctx, work))


@app.command("update", cls=RemoteCommand)
def update(
    ctx: typer.Context,
    profile: ProfileArgument,
    name: NameOption = None,
    background: BackgroundOption = None,
    file: FileOption = None,
) -> None:
    """Change a conversion profile; what it makes from then on is a new revision.

    Example:

      picstore profiles show web -o yaml > web.yaml; picstore profiles update web -f web.yaml
    """
    document = read_document(file) if file else {}
    document |= given(display_name=name, background=background)
    something(document)

    async def work(remote: Remote) -> ConversionProfile:
        return await change(
            remote, CONVERSION_PROFILE, profile, UPDATE_CONVERSION_PROFILE, document
        )

    print_one(ctx, CONVERSION_PROFILE, run_remote(ctx, work))


_PROFILE = typer.Argument(
    help="Id or short name.", metavar="profile", autocompletion=names_of(CONVERSION_PROFILE)
)
add_history(
    app,
    CONVERSION_PROFILE,
    LIST_CONVERSION_PROFILE_REVISIONS,
    argument=_PROFILE,
    sentence="List the revisions of a conversion profile, newest first.",
    example="profiles history web",
    columns=[
        ("revision", lambda r: str(r.revision)),
        ("formats", lambda r: ", ".join(format_name(rule.format) for rule in r.formats)),
        ("sizes", lambda r: str(len(r.sizes))),
        ("made by", lambda r: r.creator),
        ("made", lambda r: time_text(r.create_time)),
    ],
    right=("revision", "sizes"),
)
add_rollback(
    app,
    CONVERSION_PROFILE,
    ROLLBACK_CONVERSION_PROFILE,
    argument=_PROFILE,
    sentence="Make what an earlier revision makes once more, as a new revision.",
    example="profiles rollback web 3",
)
