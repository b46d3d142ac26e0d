"""`picstore uploads`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from picstore.upload.v1.upload_pb2 import DeleteUploadRequest, GetUploadRequest, Upload
from picstore_cli.console import note, out, size, state_name, table
from picstore_cli.kinds import time_text
from picstore_cli.lazy import group
from picstore_cli.remote import (
    Form,
    Remote,
    RemoteCommand,
    form_of,
    print_message,
    run_remote,
)
from picstore_cli.verbs import YesOption, confirm
from picstore_client.methods import DELETE_UPLOAD, GET_UPLOAD

app = group("Uploads that are on their way.")

UploadArgument = Annotated[str, typer.Argument(help="Such as upl_…", metavar="UPLOAD")]


@app.command("show", cls=RemoteCommand)
def show_upload(ctx: typer.Context, upload_id: UploadArgument) -> None:
    """Show how far an upload is.

    Example:

      picstore uploads show upl_01h455vb4pex5vsknk084sn02q
    """

    async def work(remote: Remote) -> Upload:
        return await remote.client.call(GET_UPLOAD, GetUploadRequest(upload_id=upload_id))

    upload = run_remote(ctx, work)
    if form_of(ctx) is not Form.TABLE:
        print_message(ctx, upload)
        return
    whole = size(upload.size_bytes) if upload.HasField("size_bytes") else "unknown"
    rows = table("field", "value")
    for name, text in {
        "id": upload.id,
        "file": upload.filename,
        "method": Upload.Method.Name(upload.method).removeprefix("METHOD_").lower(),
        "state": state_name(Upload.State.Name(upload.state)),
        "stored": f"{size(upload.persisted_size)} of {whole}",
        "picture": upload.image.id or upload.image_id,
        "failure": upload.failure_message,
        "expires": time_text(upload.expire_time),
    }.items():
        rows.add_row(name, escape(text))
    out.print(rows)


@app.command("delete", cls=RemoteCommand)
def delete_upload(ctx: typer.Context, upload_id: UploadArgument, yes: YesOption = False) -> None:
    """Give an upload up; a picture that it has become stays.

    Example:

      picstore uploads delete upl_01h455vb4pex5vsknk084sn02q
    """
    confirm(f"Delete the upload {upload_id}?", yes=yes)

    async def work(remote: Remote) -> None:
        await remote.client.call(DELETE_UPLOAD, DeleteUploadRequest(upload_id=upload_id))

    run_remote(ctx, work)
    note(f"upload {upload_id} is deleted")
