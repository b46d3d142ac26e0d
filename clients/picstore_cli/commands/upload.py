"""`picstore upload`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from picstore.catalog.v1.image_pb2 import Image
from picstore_cli.console import (
    complain,
    complain_as_json,
    err,
    json_text,
    out,
    state_name,
    table,
    write,
)
from picstore_cli.lazy import group
from picstore_cli.messages import to_yaml
from picstore_cli.progress import progress_on
from picstore_cli.remote import Form, Remote, RemoteCommand, form_of, run_remote
from picstore_cli.running import exit_code
from picstore_cli.uploading import STDIN, Done, Said, upload_files
from picstore_client import OnDuplicate, Via
from picstore_kit.errors import PicstoreError

app = group()


@app.command("upload", cls=RemoteCommand)
def upload(
    ctx: typer.Context,
    # Not checked here: one file that is not there must not keep the others from being uploaded.
    files: Annotated[
        list[Path], typer.Argument(help="Pictures; `-` for standard input.", metavar="FILE")
    ],
    alt_text: Annotated[str, typer.Option("--alt", help="What the picture shows.")] = "",
    upload_profile: Annotated[
        str, typer.Option("--upload-profile", help="Id or short name; the API key's if unset.")
    ] = "",
    location: Annotated[
        str, typer.Option("--location", help="Folder in the URLs, such as blog/2026.")
    ] = "",
    filename: Annotated[
        str, typer.Option("--filename", help="Instead of the file's own name.")
    ] = "",
    image: Annotated[
        str, typer.Option("--image", help="The picture (img_…) that the file is for.")
    ] = "",
    on_duplicate: Annotated[
        OnDuplicate,
        typer.Option("--on-duplicate", help="What to do with bytes that the project has already."),
    ] = OnDuplicate.RETURN_EXISTING,
    via: Annotated[Via, typer.Option("--via", help="The way that the bytes go.")] = Via.AUTO,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until pages can show the pictures.")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0, help="Seconds to wait for each conversion.")
    ] = 300.0,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--no-resume",
            help="Go on where an upload of the same file was interrupted.",
        ),
    ] = True,
) -> None:
    """Upload pictures; what is interrupted goes on when the same command is run again.

    Files that the project has already are not sent. A file that fails is told on standard error,
    and the others are uploaded all the same; the exit code is then that of the failure, or 1 if
    there are several kinds.

    Examples:

      picstore upload *.jpg --location blog/2026 --wait

      picstore upload huge.png --via presigned

      picstore upload new.jpg --image img_01h455vb4pex5vsknk084sn02q

      curl https://example.com/dog.jpg | picstore upload - --filename dog.jpg --json
    """
    if len(files) > 1 and (image or filename):
        raise typer.BadParameter("--image and --filename are for one file")
    codes: set[int] = set()
    as_json = form_of(ctx) is Form.JSON

    def on_error(path: Path, error: PicstoreError | OSError) -> None:
        codes.add(exit_code(error) if isinstance(error, PicstoreError) else 1)
        if as_json and isinstance(error, PicstoreError):
            complain_as_json(error, subject=str(path))
        else:
            complain(error, subject=str(path))

    said = Said(
        image=image,
        upload_profile=upload_profile,
        alt_text=alt_text,
        location=location,
        filename=filename,
        on_duplicate=on_duplicate,
        via=via,
        wait=wait,
        timeout_s=timeout,
        resume=resume,
    )

    async def work(remote: Remote) -> list[Done]:
        project_id = await remote.project_id()
        with progress_on(err) as progress:
            return await upload_files(
                remote.client, project_id, files, said, progress=progress, on_error=on_error
            )

    _print(form_of(ctx), run_remote(ctx, work))
    if codes:
        raise typer.Exit(codes.pop() if len(codes) == 1 else 1)


def _print(form: Form, done: list[Done]) -> None:
    images = [one.uploaded.image for one in done]
    match form:
        case Form.JSON:
            for image in images:
                write(json_text(image, indent=None))
        case Form.YAML:
            write("---\n".join(map(to_yaml, images)))
        case Form.TABLE:
            rows = table("file", "id", "state", "bytes were")
            for one in done:
                name = "stdin" if one.path == STDIN else str(one.path)
                state = state_name(Image.State.Name(one.uploaded.image.state))
                how = "there already" if one.uploaded.known else "uploaded"
                rows.add_row(escape(name), one.uploaded.image.id, state, how)
            if done:
                out.print(rows)
