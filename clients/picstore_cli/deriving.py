"""`picstore images derive`: a new picture of one that is there."""

from __future__ import annotations

from typing import Annotated

import typer

from picstore.catalog.v1.image_pb2 import Image
from picstore_cli.completion import names_of
from picstore_cli.kinds import IMAGE, OVERLAY_TEMPLATE, UPLOAD_PROFILE
from picstore_cli.remote import Remote, RemoteCommand, print_one, run_remote
from picstore_cli.verbs import pair, parsed


def add_derive(app: typer.Typer) -> None:
    """Add `derive`."""
    app.command("derive", cls=RemoteCommand)(derive)


def derive(
    ctx: typer.Context,
    image_id: Annotated[str, typer.Argument(help="The base picture.", metavar="IMAGE")],
    template: Annotated[
        str,
        typer.Option(
            "--template",
            help="The overlay template; id or short name.",
            autocompletion=names_of(OVERLAY_TEMPLATE),
        ),
    ],
    variables: Annotated[
        list[str] | None, typer.Option("--set", help="name=value, for a variable of the template.")
    ] = None,
    upload_profile: Annotated[
        str,
        typer.Option(
            help="Id or short name; the base picture's if none.",
            autocompletion=names_of(UPLOAD_PROFILE),
        ),
    ] = "",
    filename: Annotated[str, typer.Option(help="Of the new picture's original.")] = "",
    alt: Annotated[str, typer.Option("--alt", help="What the new picture shows.")] = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A word.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until pages can show it.")] = False,
) -> None:
    """Make a new picture of one that is there by an overlay template: a social card, say.

    Example:

      picstore images derive img_01h455vb4pex5vsknk084sn02q --template card --set title="A title"
      --wait
    """
    values = dict(parsed(pair, variables or []))

    async def work(remote: Remote) -> Image:
        return await remote.client.derive(
            image_id,
            template,
            values,
            upload_profile=upload_profile,
            filename=filename,
            alt_text=alt,
            tags=tag or (),
            wait=wait,
        )

    print_one(ctx, IMAGE, run_remote(ctx, work))
