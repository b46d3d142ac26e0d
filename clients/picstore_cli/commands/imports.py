"""`picstore import`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from picstore.upload.v1.import_pb2 import (
    BucketSource,
    CancelImportJobRequest,
    CreateImportJobRequest,
    ImportItem,
    ImportJob,
    ListImportItemsRequest,
    UrlSource,
)
from picstore_cli.completion import names_of
from picstore_cli.console import note
from picstore_cli.importing import finished, succeeded
from picstore_cli.kinds import IMPORT_ITEM, IMPORT_JOB, LOCATION, UPLOAD_PROFILE
from picstore_cli.lazy import group
from picstore_cli.remote import (
    Remote,
    RemoteCommand,
    first,
    print_list,
    print_one,
    run_remote,
)
from picstore_cli.verbs import DEFAULT_LIMIT, LimitOption, add_list, add_show
from picstore_client import OnDuplicate
from picstore_client.methods import CANCEL_IMPORT_JOB, CREATE_IMPORT_JOB, LIST_IMPORT_ITEMS
from picstore_client.plan import ON_DUPLICATE

app = group("Pictures that Pic Store fetches itself, from URLs and buckets.")
add_list(app, IMPORT_JOB, "import list --project blog")
add_show(app, IMPORT_JOB, "import show imp_01h455vb4pex5vsknk084sn02q")


class State(StrEnum):
    """How far an item is."""

    QUEUED = "queued"
    RUNNING = "running"
    IMPORTED = "imported"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


JobArgument = Annotated[
    str,
    typer.Argument(help="Such as imp_…", metavar="JOB", autocompletion=names_of(IMPORT_JOB)),
]
ProfileOption = Annotated[
    str,
    typer.Option(
        "--upload-profile",
        help="Id or short name; the key's default if unset.",
        autocompletion=names_of(UPLOAD_PROFILE),
    ),
]
FolderOption = Annotated[
    str, typer.Option("--location", help="The folder of the outputs, such as blog/2026.")
]
DuplicateOption = Annotated[
    OnDuplicate, typer.Option("--on-duplicate", help="With bytes that the project has already.")
]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it has ended.")]


@app.command("url", cls=RemoteCommand)
def import_url(
    ctx: typer.Context,
    address: Annotated[
        str, typer.Argument(help="Of one picture; http or https.", metavar="URL")
    ],  # `url` is the option that names the Pic Store
    filename: Annotated[
        str, typer.Option("--filename", help="The last part of the URL's path if unset.")
    ] = "",
    alt: Annotated[str, typer.Option("--alt", help="What the picture shows.")] = "",
    upload_profile: ProfileOption = "",
    location: FolderOption = "",
    on_duplicate: DuplicateOption = OnDuplicate.RETURN_EXISTING,
    wait: WaitOption = True,
) -> None:
    """Fetch one picture from the web. The exit code is 1 if it does not come.

    Examples:

      picstore import url https://images.example.com/dog.jpg --alt "A dog in the snow"

      picstore import url https://images.example.com/dog.jpg --no-wait --json | jq -r .id
    """
    job = ImportJob(
        url=UrlSource(url=address, filename=filename, alt_text=alt),
        upload_profile=upload_profile,
        location=location,
        on_duplicate=ON_DUPLICATE[on_duplicate],
    )
    _run(ctx, job, wait=wait)


@app.command("bucket", cls=RemoteCommand)
def import_bucket(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            help="The storage location: id or short name.",
            metavar="LOCATION",
            autocompletion=names_of(LOCATION),
        ),
    ],
    prefix: Annotated[str, typer.Option("--prefix", help="Only objects whose keys begin so.")] = "",
    upload_profile: ProfileOption = "",
    location: FolderOption = "",
    on_duplicate: DuplicateOption = OnDuplicate.RETURN_EXISTING,
    wait: WaitOption = True,
) -> None:
    """Import all pictures of a storage location. The exit code is 1 if some can't be fetched.

    What is no picture is passed over; `picstore import items` says what became of each object.

    Examples:

      picstore import bucket old-site --prefix photos/2026/ --location archive

      picstore import bucket old-site --no-wait
    """
    job = ImportJob(
        bucket=BucketSource(storage_location_id=source, prefix=prefix),
        upload_profile=upload_profile,
        location=location,
        on_duplicate=ON_DUPLICATE[on_duplicate],
    )
    _run(ctx, job, wait=wait)


@app.command("items", cls=RemoteCommand)
def list_items(
    ctx: typer.Context,
    job: JobArgument,
    state: Annotated[State | None, typer.Option(help="Only in this state.")] = None,
    limit: LimitOption = DEFAULT_LIMIT,
) -> None:
    """Say what became of each picture of an import.

    Examples:

      picstore import items imp_01h455vb4pex5vsknk084sn02q --state failed

      picstore import items imp_01h455vb4pex5vsknk084sn02q --limit 0 --json | jq -r .image_id
    """
    request = ListImportItemsRequest(
        import_job_id=job,
        state=ImportItem.State.Value(f"STATE_{state.name if state else 'UNSPECIFIED'}"),
    )

    async def work(remote: Remote) -> tuple[list[ImportItem], bool]:
        wanted = limit + 1 if limit else None
        return await first(remote.client.pages(LIST_IMPORT_ITEMS, request, limit=wanted), limit)

    print_list(ctx, IMPORT_ITEM, run_remote(ctx, work))


@app.command("cancel", cls=RemoteCommand)
def cancel(ctx: typer.Context, job: JobArgument) -> None:
    """Stop an import; pictures that have come stay.

    Example:

      picstore import cancel imp_01h455vb4pex5vsknk084sn02q
    """

    async def work(remote: Remote) -> ImportJob:
        return await remote.client.call(
            CANCEL_IMPORT_JOB, CancelImportJobRequest(import_job_id=job)
        )

    print_one(ctx, IMPORT_JOB, run_remote(ctx, work))


def _run(ctx: typer.Context, job: ImportJob, *, wait: bool) -> None:
    """Begin an import, wait for it if that is wanted, and print it."""

    async def work(remote: Remote) -> ImportJob:
        job.project_id = await remote.project_id()
        if job.HasField("bucket"):
            bucket = job.bucket
            bucket.storage_location_id = await LOCATION.id_of(
                remote.client, bucket.storage_location_id
            )
        made = await remote.client.call(CREATE_IMPORT_JOB, CreateImportJobRequest(import_job=job))
        if not wait:
            return made
        note(f"{made.id} goes on by itself: Ctrl-C only stops waiting")
        return await finished(remote.client, made)

    result = run_remote(ctx, work)
    print_one(ctx, IMPORT_JOB, result)
    if wait and not succeeded(result):
        raise typer.Exit(1)
