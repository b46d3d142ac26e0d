"""`picstore upload-profiles`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from picstore.catalog.v1.upload_profile_pb2 import CreateUploadProfileRequest, UploadProfile
from picstore_cli.completion import names_of
from picstore_cli.kinds import CONVERSION_PROFILE, LOCATION, UPLOAD_PROFILE
from picstore_cli.lazy import group
from picstore_cli.messages import parse_into, read_document
from picstore_cli.remote import Remote, RemoteCommand, print_one, run_remote
from picstore_cli.verbs import (
    FileOption,
    add_delete,
    add_list,
    add_show,
    change,
    given,
    something,
)
from picstore_client.methods import CREATE_UPLOAD_PROFILE, UPDATE_UPLOAD_PROFILE

app = group("Upload profiles: where the pictures of a project go, and what is made of them.")
add_list(app, UPLOAD_PROFILE, "upload-profiles list --project blog")
add_show(app, UPLOAD_PROFILE, "upload-profiles show default --project blog")
add_delete(app, UPLOAD_PROFILE, "upload-profiles delete default --project blog --yes")

NameOption = Annotated[str | None, typer.Option("--name", help="For people.")]
OriginalsOption = Annotated[
    str | None,
    typer.Option("--originals", help="Location of originals.", autocompletion=names_of(LOCATION)),
]
OutputsOption = Annotated[
    str | None,
    typer.Option("--outputs", help="Location of outputs.", autocompletion=names_of(LOCATION)),
]
ConversionOption = Annotated[
    str | None,
    typer.Option(
        "--conversion",
        help="The conversion profile.",
        autocompletion=names_of(CONVERSION_PROFILE),
    ),
]
OriginalsPathOption = Annotated[
    str | None, typer.Option("--originals-path", help="In the keys of originals.")
]
OutputsPathOption = Annotated[
    str | None, typer.Option("--outputs-path", help="In the keys of outputs.")
]


@app.command("create", cls=RemoteCommand)
def create(
    ctx: typer.Context,
    short_name: Annotated[str | None, typer.Argument(help="Unique in the project.")] = None,
    name: NameOption = None,
    originals: OriginalsOption = None,
    outputs: OutputsOption = None,
    conversion: ConversionOption = None,
    originals_path: OriginalsPathOption = None,
    outputs_path: OutputsPathOption = None,
    file: FileOption = None,
) -> None:
    """Make an upload profile; locations and conversion profile are ids or short names.

    Example:

      picstore upload-profiles create default --project blog --originals originals
      --outputs outputs --conversion web
    """
    document = read_document(file) if file else {}
    document |= given(
        short_name=short_name,
        display_name=name,
        originals_path=originals_path,
        outputs_path=outputs_path,
    )

    async def work(remote: Remote) -> UploadProfile:
        profile = UploadProfile()
        parse_into(profile, document | await _ids(remote, originals, outputs, conversion))
        profile.project_id = await remote.project_id(profile.project_id)
        return await remote.client.call(
            CREATE_UPLOAD_PROFILE, CreateUploadProfileRequest(upload_profile=profile)
        )

    print_one(ctx, UPLOAD_PROFILE, run_remote(ctx, work))


@app.command("update", cls=RemoteCommand)
def update(
    ctx: typer.Context,
    profile: Annotated[
        str, typer.Argument(help="Id or short name.", autocompletion=names_of(UPLOAD_PROFILE))
    ],
    name: NameOption = None,
    originals: OriginalsOption = None,
    outputs: OutputsOption = None,
    conversion: ConversionOption = None,
    originals_path: OriginalsPathOption = None,
    outputs_path: OutputsPathOption = None,
    file: FileOption = None,
) -> None:
    """Change an upload profile, for pictures uploaded from then on.

    Example:

      picstore upload-profiles update default --project blog --conversion web-2
    """
    document = read_document(file) if file else {}
    document |= given(display_name=name, originals_path=originals_path, outputs_path=outputs_path)

    async def work(remote: Remote) -> UploadProfile:
        whole = something(document | await _ids(remote, originals, outputs, conversion))
        return await change(remote, UPLOAD_PROFILE, profile, UPDATE_UPLOAD_PROFILE, whole)

    print_one(ctx, UPLOAD_PROFILE, run_remote(ctx, work))


async def _ids(
    remote: Remote, originals: str | None, outputs: str | None, conversion: str | None
) -> dict[str, Any]:
    """Return the fields that refer to other objects, as far as they are given."""
    client = remote.client
    return given(
        originals_location_id=originals and await LOCATION.id_of(client, originals),
        outputs_location_id=outputs and await LOCATION.id_of(client, outputs),
        conversion_profile_id=conversion and await CONVERSION_PROFILE.id_of(client, conversion),
    )
