"""`picstore images`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from picstore.catalog.v1.image_pb2 import Image
from picstore_cli.console import (
    format_name,
    json_text,
    out,
    print_outputs,
    size,
    state_name,
    table,
    write,
)
from picstore_cli.context import KeyOption, ProjectOption, URLOption, context_of
from picstore_cli.running import run
from picstore_client import PicStoreClient

app = typer.Typer(help="Look at the pictures of a project.", no_args_is_help=True)


@app.command("list")
def list_images(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    url: URLOption = None,
    api_key: KeyOption = None,
    project: ProjectOption = None,
) -> None:
    """List a project's pictures, newest first.

    Examples:

      picstore images list

      picstore images list --limit 500 --json | jq -r .id
    """

    async def work() -> list[Image]:
        context = context_of(url, api_key, project)
        async with PicStoreClient(context.url, context.api_key) as client:
            found = await client.find_project(context.project)
            return [image async for image in client.list_images(found.id, limit=limit)]

    images = run(work())
    if as_json:
        for image in images:
            write(json_text(image, indent=None))
        return
    listed = table(
        *("id", "file", "format", "size", "bytes", "state", "uploaded"), right=("size", "bytes")
    )
    for image in images:
        listed.add_row(
            image.id,
            escape(image.filename),
            format_name(image.format),
            f"{image.width}×{image.height}",
            size(image.size_bytes),
            state_name(Image.State.Name(image.state)),
            f"{image.create_time.ToDatetime():%Y-%m-%d %H:%M}",
        )
    out.print(listed)


@app.command("show")
def show_image(
    image_id: Annotated[str, typer.Argument(help="Such as img_…")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    url: URLOption = None,
    api_key: KeyOption = None,
    project: ProjectOption = None,
) -> None:
    """Show a picture with its outputs.

    Examples:

      picstore images show img_01h455vb4pex5vsknk084sn02q

      picstore images show img_01h455vb4pex5vsknk084sn02q --json | jq .outputs
    """

    async def work() -> Image:
        context = context_of(url, api_key, project)
        async with PicStoreClient(context.url, context.api_key) as client:
            return await client.get_image(image_id)

    image = run(work())
    if as_json:
        write(json_text(image, indent=2))
        return
    print_outputs(image)
    for output in image.outputs:
        if output.url:
            write(output.url)
