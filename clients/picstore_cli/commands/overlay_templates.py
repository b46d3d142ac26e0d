"""`picstore overlay-templates`: what is drawn over pictures to derive others from them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from picstore.catalog.v1.overlay_template_pb2 import (
    CreateOverlayTemplateRequest,
    ListOverlayTemplateRevisionsRequest,
    OverlayTemplate,
    OverlayTemplateRevision,
    RollbackOverlayTemplateRequest,
)
from picstore_cli.completion import names_of
from picstore_cli.console import out, table
from picstore_cli.kinds import OVERLAY_TEMPLATE, time_text
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
    CREATE_OVERLAY_TEMPLATE,
    LIST_OVERLAY_TEMPLATE_REVISIONS,
    ROLLBACK_OVERLAY_TEMPLATE,
    UPDATE_OVERLAY_TEMPLATE,
)

app = group("Overlay templates: what is drawn over pictures, such as the title of a social card.")
add_list(app, OVERLAY_TEMPLATE, "overlay-templates list")
add_show(app, OVERLAY_TEMPLATE, "overlay-templates show card -o yaml")
add_delete(app, OVERLAY_TEMPLATE, "overlay-templates delete card --yes")

TemplateArgument = Annotated[
    str, typer.Argument(help="Id or short name.", autocompletion=names_of(OVERLAY_TEMPLATE))
]
NameOption = Annotated[str | None, typer.Option("--name", help="For people.")]


@app.command("create", cls=RemoteCommand)
def create(
    ctx: typer.Context,
    file: FileOption,
    short_name: Annotated[str | None, typer.Argument(help="Unique in the team.")] = None,
    name: NameOption = None,
    only_for: Annotated[
        str | None, typer.Option("--only-for", help="The one project that may use it.")
    ] = None,
) -> None:
    """Make an overlay template; its `overlay` is read from a file.

    Examples:

      picstore overlay-templates create card -f card.yaml

      picstore overlay-templates show card -o yaml | picstore overlay-templates create card-2 -f -
    """
    template = OverlayTemplate()
    parse_into(template, read_document(file) if file else {})
    parse_into(template, given(short_name=short_name, display_name=name))
    # What is copied from another template is that one's own.
    for field in ("id", "etag", "revision", "create_time", "update_time"):
        template.ClearField(field)

    async def work(remote: Remote) -> OverlayTemplate:
        if only_for:
            template.project_id = await remote.project_id(only_for)
        return await remote.client.call(
            CREATE_OVERLAY_TEMPLATE, CreateOverlayTemplateRequest(overlay_template=template)
        )

    print_one(ctx, OVERLAY_TEMPLATE, run_remote(ctx, work))


@app.command("update", cls=RemoteCommand)
def update(
    ctx: typer.Context,
    template: TemplateArgument,
    name: NameOption = None,
    file: FileOption = None,
) -> None:
    """Change an overlay template; what it draws from then on is a new revision.

    Example:

      picstore overlay-templates update card -f card.yaml
    """
    document = read_document(file) if file else {}
    document |= given(display_name=name)
    something(document)

    async def work(remote: Remote) -> OverlayTemplate:
        return await change(remote, OVERLAY_TEMPLATE, template, UPDATE_OVERLAY_TEMPLATE, document)

    print_one(ctx, OVERLAY_TEMPLATE, run_remote(ctx, work))


@app.command("history", cls=RemoteCommand)
def history(
    ctx: typer.Context, template: TemplateArgument, limit: LimitOption = DEFAULT_LIMIT
) -> None:
    """List the revisions of an overlay template, newest first.

    Example:

      picstore overlay-templates history card
    """

    async def work(remote: Remote) -> list[OverlayTemplateRevision]:
        found = await OVERLAY_TEMPLATE.id_of(remote.client, template)
        request = ListOverlayTemplateRevisionsRequest(overlay_template_id=found)
        revisions, _ = await first(
            remote.client.pages(LIST_OVERLAY_TEMPLATE_REVISIONS, request), limit
        )
        return revisions

    revisions = run_remote(ctx, work)
    if form_of(ctx) is not Form.TABLE:
        for revision in revisions:
            print_message(ctx, revision)
        return
    rows = table("revision", "layers", "made by", "made", right=("revision", "layers"))
    for revision in revisions:
        cells = (str(revision.revision), str(len(revision.overlay.layers)), revision.creator)
        rows.add_row(*map(escape, cells), time_text(revision.create_time))
    out.print(rows)


@app.command("rollback", cls=RemoteCommand)
def rollback(
    ctx: typer.Context,
    template: TemplateArgument,
    revision: Annotated[int, typer.Argument(min=1, help="As `history` lists it.")],
) -> None:
    """Make what an earlier revision draws once more, as a new revision.

    Example:

      picstore overlay-templates rollback card 3
    """

    async def work(remote: Remote) -> OverlayTemplate:
        current = await OVERLAY_TEMPLATE.find(remote.client, template)
        return await remote.client.call(
            ROLLBACK_OVERLAY_TEMPLATE,
            RollbackOverlayTemplateRequest(
                overlay_template_id=current.id, revision=revision, etag=current.etag
            ),
        )

    print_one(ctx, OVERLAY_TEMPLATE, run_remote(ctx, work))
