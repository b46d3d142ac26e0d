"""`picstore profiles`: conversion profiles."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from picstore.catalog.v1.conversion_profile_pb2 import (
    ConversionProfile,
    ConversionProfileRevision,
    CreateConversionProfileRequest,
    ListConversionProfileRevisionsRequest,
    RollbackConversionProfileRequest,
)
from picstore_cli.completion import names_of
from picstore_cli.console import format_name, out, table
from picstore_cli.kinds import CONVERSION_PROFILE, time_text
from picstore_cli.lazy import group
from picstore_cli.messages import parse_into, read_document
from picstore_cli.remote import (
    Form,
    Remote,
    RemoteCommand,
    first,
    form_of,
    print_message,
    print_one,
    run_remote,
)
from picstore_cli.verbs import (
    DEFAULT_LIMIT,
    FileOption,
    LimitOption,
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
    only_for: Annotated[
        str | None, typer.Option("--only-for", help="The one project that may use it.")
    ] = None,
) -> None:
    """Make a conversion profile; its formats and sizes are read from a file.

    Examples:

      picstore profiles create web -f profile.yaml

      picstore profiles show web -o yaml | picstore profiles create web-2 -f -
    """
    profile = ConversionProfile()
    parse_into(profile, read_document(file) if file else {})
    parse_into(profile, given(short_name=short_name, display_name=name, background=background))
    # What is copied from another profile is that one's own.
    for field in ("id", "etag", "revision", "create_time", "update_time"):
        profile.ClearField(field)

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


@app.command("history", cls=RemoteCommand)
def history(
    ctx: typer.Context, profile: ProfileArgument, limit: LimitOption = DEFAULT_LIMIT
) -> None:
    """List the revisions of a conversion profile, newest first.

    Example:

      picstore profiles history web
    """

    async def work(remote: Remote) -> list[ConversionProfileRevision]:
        found = await CONVERSION_PROFILE.id_of(remote.client, profile)
        request = ListConversionProfileRevisionsRequest(conversion_profile_id=found)
        revisions, _ = await first(
            remote.client.pages(LIST_CONVERSION_PROFILE_REVISIONS, request), limit
        )
        return revisions

    revisions = run_remote(ctx, work)
    if form_of(ctx) is not Form.TABLE:
        for revision in revisions:
            print_message(ctx, revision)
        return
    rows = table("revision", "formats", "sizes", "made by", "made", right=("revision", "sizes"))
    for revision in revisions:
        formats = ", ".join(format_name(rule.format) for rule in revision.formats)
        cells = (str(revision.revision), formats, str(len(revision.sizes)), revision.creator)
        rows.add_row(*map(escape, cells), time_text(revision.create_time))
    out.print(rows)


@app.command("rollback", cls=RemoteCommand)
def rollback(
    ctx: typer.Context,
    profile: ProfileArgument,
    revision: Annotated[int, typer.Argument(min=1, help="As `history` lists it.")],
) -> None:
    """Make what an earlier revision makes once more, as a new revision.

    Example:

      picstore profiles rollback web 3
    """

    async def work(remote: Remote) -> ConversionProfile:
        current = await CONVERSION_PROFILE.find(remote.client, profile)
        return await remote.client.call(
            ROLLBACK_CONVERSION_PROFILE,
            RollbackConversionProfileRequest(
                conversion_profile_id=current.id, revision=revision, etag=current.etag
            ),
        )

    print_one(ctx, CONVERSION_PROFILE, run_remote(ctx, work))
