"""`picstore picture`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from picstore_cli.console import complain, err, note, write
from picstore_cli.context import KeyOption, ProjectOption, URLOption, context_of
from picstore_cli.picture import PictureFormat, Result, UploadOptions, make_pictures, render
from picstore_cli.progress import progress_on
from picstore_cli.running import run
from picstore_client import PicStoreClient
from picstore_kit.errors import PicstoreError


def picture(
    # Not checked here: one file that is not there must not keep the others from being made.
    files: Annotated[list[Path], typer.Argument(help="Pictures.")],
    form: Annotated[
        PictureFormat, typer.Option("--format", "-f", help="What to print for each picture.")
    ] = PictureFormat.HTML,
    alt_text: Annotated[str, typer.Option("--alt", help="What the picture shows.")] = "",
    upload_profile: Annotated[
        str, typer.Option("--upload-profile", help="Id or short name; the API key's if unset.")
    ] = "",
    location: Annotated[
        str, typer.Option("--location", help="Folder in the URLs, such as blog/2026.")
    ] = "",
    sizes: Annotated[str, typer.Option("--sizes", help="The sizes attribute of the tag.")] = "",
    timeout: Annotated[
        float, typer.Option("--timeout", min=0, help="Seconds to wait for each conversion.")
    ] = 300.0,
    url: URLOption = None,
    api_key: KeyOption = None,
    project: ProjectOption = None,
) -> None:
    """Upload pictures that are not there yet, wait for them, and print their tags.

    A picture that fails is told on standard error, and the exit code is then 1; the others are
    printed all the same.

    Examples:

      picstore picture dog.jpg --alt "A dog in the snow"

      picstore picture *.jpg --format markdown --location blog/2026

      picstore picture dog.jpg --format json | jq .sources
    """
    failed: list[Path] = []

    def on_error(path: Path, error: PicstoreError | OSError) -> None:
        failed.append(path)
        complain(error, subject=str(path))

    async def work() -> list[Result]:
        context = context_of(url, api_key, project)
        options = UploadOptions(
            upload_profile=upload_profile,
            alt_text=alt_text,
            location=location,
            sizes=sizes,
            timeout_s=timeout,
        )
        async with PicStoreClient(context.url, context.api_key) as client:
            found = await client.find_project(context.project)
            with progress_on(err) as progress:
                return await make_pictures(
                    client, found.id, files, options, progress=progress, on_error=on_error
                )

    for result in run(work()):
        state = "uploaded" if result.uploaded else "there already"
        note(f"{result.path}: {state}, {result.image.id}")
        write(render(result, form))
    if failed:
        raise typer.Exit(1)
