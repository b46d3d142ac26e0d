"""`picstore overlay-templates`: what is drawn over pictures to derive others from them."""

from __future__ import annotations

from typing import Annotated

import typer

from picstore.catalog.v1.overlay_template_pb2 import (
    CreateOverlayTemplateRequest,
    OverlayTemplate,
)
from picstore_cli.completion import names_of
from picstore_cli.kinds import OVERLAY_TEMPLATE, time_text
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
    only_for: OnlyForOption = None,
) -> None:
    """Make an overlay template; its `overlay` is read from a file.

    Examples:

      picstore overlay-templates create card -f card.yaml

      picstore overlay-templates show card -o yaml | picstore overlay-templates create card-2 -f -
    """
    template = OverlayTemplate()
    fill_new(template, file, short_name=short_name, display_name=name)

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


_TEMPLATE = typer.Argument(
    help="Id or short name.", metavar="template", autocompletion=names_of(OVERLAY_TEMPLATE)
)
add_history(
    app,
    OVERLAY_TEMPLATE,
    LIST_OVERLAY_TEMPLATE_REVISIONS,
    argument=_TEMPLATE,
    sentence="List the revisions of an overlay template, newest first.",
    example="overlay-templates history card",
    columns=[
        ("revision", lambda r: str(r.revision)),
        ("layers", lambda r: str(len(r.overlay.layers))),
        ("made by", lambda r: r.creator),
        ("made", lambda r: time_text(r.create_time)),
    ],
    right=("revision", "layers"),
)
add_rollback(
    app,
    OVERLAY_TEMPLATE,
    ROLLBACK_OVERLAY_TEMPLATE,
    argument=_TEMPLATE,
    sentence="Make what an earlier revision draws once more, as a new revision.",
    example="overlay-templates rollback card 3",
)
