"""`picstore locations`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from rich.markup import escape

from picstore.catalog.v1.storage_location_pb2 import (
    CreateStorageLocationRequest,
    StorageLocation,
    StorageTestStep,
    TestStorageLocationRequest,
    TestStorageLocationResponse,
)
from picstore_cli.completion import names_of
from picstore_cli.console import out, table
from picstore_cli.kinds import LOCATION
from picstore_cli.lazy import group
from picstore_cli.messages import parse_into, read_document
from picstore_cli.remote import (
    Form,
    Remote,
    RemoteCommand,
    form_of,
    print_message,
    print_one,
    run_remote,
)
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
    CREATE_STORAGE_LOCATION,
    TEST_STORAGE_LOCATION,
    UPDATE_STORAGE_LOCATION,
)

app = group("The places where originals and outputs are kept.")
add_list(app, LOCATION, "locations list")
add_show(app, LOCATION, "locations show outputs")
add_delete(app, LOCATION, "locations delete outputs --yes")

LocationArgument = Annotated[
    str, typer.Argument(help="Id or short name.", autocompletion=names_of(LOCATION))
]
NameOption = Annotated[str | None, typer.Option("--name", help="For people.")]
PublicURLOption = Annotated[
    str | None, typer.Option("--public-url", help="Where everybody can load its objects.")
]
CacheControlOption = Annotated[
    str | None, typer.Option("--cache-control", help="The header of outputs.")
]
AccessKeyOption = Annotated[str | None, typer.Option("--access-key-id", help="Of S3.")]
SecretOption = Annotated[
    bool,
    typer.Option("--secret-key-stdin", help="Read the secret access key from standard input."),
]


@app.command("create", cls=RemoteCommand)
def create(
    ctx: typer.Context,
    short_name: Annotated[str | None, typer.Argument(help="Unique in the team.")] = None,
    name: NameOption = None,
    endpoint: Annotated[str | None, typer.Option(help="Of S3.")] = None,
    bucket: Annotated[str | None, typer.Option(help="Of S3.")] = None,
    region: Annotated[str | None, typer.Option(help="Of S3.")] = None,
    prefix: Annotated[str | None, typer.Option(help="Before every object key.")] = None,
    access_key_id: AccessKeyOption = None,
    secret_key_stdin: SecretOption = False,
    directory: Annotated[
        str | None, typer.Option(help="A directory of the servers, in the place of a bucket.")
    ] = None,
    public_url: PublicURLOption = None,
    cache_control: CacheControlOption = None,
    only_for: OnlyForOption = None,
    test: Annotated[
        bool, typer.Option("--test", help="Make it only if it passes the test.")
    ] = False,
    file: FileOption = None,
) -> None:
    """Make a storage location.

    Examples:

      echo "$SECRET" | picstore locations create outputs --endpoint https://s3.example.com
      --bucket pictures --access-key-id KEY --secret-key-stdin --test

      picstore locations create -f location.yaml --test
    """
    location = StorageLocation()
    parse_into(location, read_document(file) if file else {})
    s3 = given(
        endpoint=endpoint,
        bucket=bucket,
        region=region,
        prefix=prefix,
        access_key_id=access_key_id,
        secret_access_key=_secret(secret_key_stdin),
    )
    if s3 and directory is not None:
        raise typer.BadParameter("a location is a bucket or a directory: --directory goes alone")
    fields = given(
        short_name=short_name,
        display_name=name,
        public_base_url=public_url,
        cache_control=cache_control,
        s3=s3 or None,
        local=None if directory is None else {"directory": directory},
    )
    parse_into(location, fields)

    async def work(remote: Remote) -> StorageLocation:
        if only_for:
            location.project_id = await remote.project_id(only_for)
        return await remote.client.call(
            CREATE_STORAGE_LOCATION,
            CreateStorageLocationRequest(storage_location=location, require_test=test),
        )

    print_one(ctx, LOCATION, run_remote(ctx, work))


@app.command("update", cls=RemoteCommand)
def update(
    ctx: typer.Context,
    location: LocationArgument,
    name: NameOption = None,
    access_key_id: AccessKeyOption = None,
    secret_key_stdin: SecretOption = False,
    public_url: PublicURLOption = None,
    cache_control: CacheControlOption = None,
    file: FileOption = None,
) -> None:
    """Change a storage location.

    Examples:

      picstore locations update outputs --public-url https://img.example.com

      echo "$SECRET" | picstore locations update outputs --access-key-id KEY --secret-key-stdin
    """
    document: dict[str, Any] = read_document(file) if file else {}
    document |= given(display_name=name, public_base_url=public_url, cache_control=cache_control)
    s3 = given(access_key_id=access_key_id, secret_access_key=_secret(secret_key_stdin))
    if s3:
        document["s3"] = {**document.get("s3", {}), **s3}
    something(document)

    async def work(remote: Remote) -> StorageLocation:
        return await change(remote, LOCATION, location, UPDATE_STORAGE_LOCATION, document)

    print_one(ctx, LOCATION, run_remote(ctx, work))


@app.command("test", cls=RemoteCommand)
def test_location(ctx: typer.Context, location: LocationArgument) -> None:
    """Try all that is asked of a storage location; the exit code is 1 if a step fails.

    Example:

      picstore locations test outputs
    """

    async def work(remote: Remote) -> TestStorageLocationResponse:
        found = await LOCATION.id_of(remote.client, location)
        return await remote.client.call(
            TEST_STORAGE_LOCATION, TestStorageLocationRequest(storage_location_id=found)
        )

    result = run_remote(ctx, work)
    if form_of(ctx) is Form.TABLE:
        steps = table("step", "outcome", "ms", "what happened", "what is missing", right=("ms",))
        for step in result.steps:
            outcome = StorageTestStep.Outcome.Name(step.outcome).removeprefix("OUTCOME_").lower()
            cells = (step.name, outcome, str(step.duration_ms), step.message, step.missing)
            steps.add_row(*map(escape, cells))
        out.print(steps)
    else:
        print_message(ctx, result)
    if not result.passed:
        raise typer.Exit(1)


def _secret(wanted: bool) -> str | None:
    """Read a secret from standard input, so that it is neither in the history nor in `ps`."""
    return sys.stdin.readline().rstrip("\r\n") if wanted else None
