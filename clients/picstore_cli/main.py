"""The command `picstore`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from google.protobuf import json_format
from rich.table import Table

from picstore.auth.v1.bootstrap_pb2 import BootstrapAction
from picstore.catalog.v1.image_pb2 import Image
from picstore_cli import doctor as doctor_module
from picstore_cli import up as up_module
from picstore_cli.bootstrap.applying import Applied, apply
from picstore_cli.bootstrap.reading import DocumentError, read
from picstore_cli.console import complain, err, format_name, out, outputs_table, size
from picstore_cli.context import (
    SECRET_VARIABLE,
    Context,
    DataDirOption,
    KeyOption,
    NoContext,
    ProjectOption,
    URLOption,
    context_of,
    operator_context,
)
from picstore_cli.picture import PictureFormat, Result, UploadOptions, make_pictures, render
from picstore_client import PicStoreClient
from picstore_kit.credentials import new_api_key
from picstore_kit.errors import PicstoreError
from picstore_kit.ids import ImageId, KeyId, ProjectId, new_id
from picstore_kit.settings import ServiceIdentitySettings
from picstore_local.errors import LocalError
from picstore_local.services import OPERATOR
from picstore_local.settings import LocalSettings

T = TypeVar("T")

app = typer.Typer(
    name="picstore",
    help="Upload a picture once; get every format and size that a page needs.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
)
images_app = typer.Typer(help="Look at the pictures of a project.", no_args_is_help=True)
app.add_typer(images_app, name="images")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work; an error meant for people ends the command with exit code 1."""
    try:
        return asyncio.run(work)
    except PicstoreError as error:
        complain(error)
    except (DocumentError, LocalError, NoContext) as error:
        err.print(f"[red]error:[/] {error}", markup=True)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(metadata.version("picstore"))
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and exit.")
    ] = False,
) -> None:
    """Upload a picture once; get every format and size that a page needs."""


@app.command()
def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Set up a demo team and make a picture of a photo.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Stop as soon as everything was up and shown.")
    ] = False,
    image: Annotated[
        Path | None,
        typer.Option("--image", help="The photo for the demo.", exists=True, dir_okay=False),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Leave the services' log lines to the log files.")
    ] = False,
    data_dir: DataDirOption = None,
) -> None:
    """Start everything on this machine: Postgres, NATS, an S3 store and all services.

    Everything is kept in the data directory, so the next start finds it again. Ctrl-C stops.

    Examples:

      picstore up

      picstore up --demo --image ~/Pictures/dog.jpg
    """
    settings = LocalSettings() if data_dir is None else LocalSettings(data_dir=data_dir)
    if not run(up_module.up(settings, demo=demo, once=once, image=image, quiet=quiet)):
        raise typer.Exit(1)


@app.command()
def down(data_dir: DataDirOption = None) -> None:
    """Stop the stack that another terminal runs.

    Example:

      picstore down
    """
    try:
        stopped = up_module.down(data_dir)
    except LocalError as error:
        err.print(f"[red]error:[/] {error}")
        raise typer.Exit(1) from error
    err.print("stopped" if stopped else "no stack runs here")


@app.command()
def bootstrap(
    files: Annotated[
        list[Path], typer.Argument(help="YAML or JSON documents.", exists=True, dir_okay=False)
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would change.")
    ] = False,
    auth: Annotated[
        str | None,
        typer.Option(envvar="PICSTORE_TARGETS__AUTH", help="gRPC target of auth."),
    ] = None,
    catalog: Annotated[
        str | None,
        typer.Option(envvar="PICSTORE_TARGETS__CATALOG", help="gRPC target of the catalog."),
    ] = None,
) -> None:
    """Create or update a team with all that it needs, as documents say.

    Variables such as ${NAME} and ${NAME:-default} are taken from the environment. Running it again
    changes nothing. The operator's secret is taken from PICSTORE_OPERATOR_SECRET, or from the local
    stack.

    Examples:

      picstore bootstrap team.yaml --dry-run

      picstore bootstrap team.yaml
    """

    async def work() -> Applied:
        context = operator_context(auth, catalog, os.environ.get(SECRET_VARIABLE))
        document = await asyncio.to_thread(read, files, os.environ)
        return await apply(
            document,
            identity=ServiceIdentitySettings.model_validate(
                {"name": OPERATOR, "secret": context.secret}
            ),
            targets=context.targets,
            dry_run=dry_run,
        )

    _print_changes(run(work()), dry_run=dry_run)


@app.command()
def picture(
    files: Annotated[list[Path], typer.Argument(help="Pictures.", exists=True, dir_okay=False)],
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
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to wait.")] = 300.0,
    url: URLOption = None,
    api_key: KeyOption = None,
    project: ProjectOption = None,
) -> None:
    """Upload pictures that are not there yet, wait for them, and print their tags.

    Examples:

      picstore picture dog.jpg --alt "A dog in the snow"

      picstore picture *.jpg --format markdown --location blog/2026

      picstore picture dog.jpg --format json | jq .sources
    """
    failed: list[Path] = []

    def on_error(path: Path, error: PicstoreError | OSError) -> None:
        failed.append(path)
        if isinstance(error, PicstoreError):
            complain(error, subject=str(path))
        else:
            err.print(f"[red]error:[/] {path}: {error.strerror}")

    async def work() -> list[Result]:
        context = context_of(url, api_key, project)
        async with PicStoreClient(context.url, context.api_key) as client:
            found = await client.find_project(context.project)
            options = UploadOptions(
                upload_profile=upload_profile,
                alt_text=alt_text,
                location=location,
                sizes=sizes,
                timeout_s=timeout,
            )
            return await make_pictures(
                client, ProjectId(found.id), files, options, on_error=on_error
            )

    for result in run(work()):
        state = "uploaded" if result.uploaded else "there already"
        err.print(f"[dim]{result.path}: {state}, {result.image.id}[/]")
        out.print(render(result, form), markup=False)
    if failed:
        raise typer.Exit(1)


@images_app.command("list")
def images_list(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    url: URLOption = None,
    api_key: KeyOption = None,
    project: ProjectOption = None,
) -> None:
    """List a project's pictures, newest first.

    Examples:

      picstore images list

      picstore images list --limit 500 --json
    """

    async def work() -> list[Image]:
        context = context_of(url, api_key, project)
        async with PicStoreClient(context.url, context.api_key) as client:
            found = await client.find_project(context.project)
            pages = client.list_images(ProjectId(found.id), limit=limit)
            return [image async for image in pages]

    images = run(work())
    if as_json:
        for image in images:
            out.print(_json(image, indent=None), markup=False)
        return
    table = Table()
    for name in ("id", "file", "format", "size", "bytes", "state", "uploaded"):
        table.add_column(name, no_wrap=name == "id")
    for image in images:
        table.add_row(
            image.id,
            image.filename,
            format_name(image.format) if image.format else "",
            f"{image.width}×{image.height}",
            size(image.size_bytes),
            Image.State.Name(image.state).removeprefix("STATE_").lower(),
            f"{image.create_time.ToDatetime():%Y-%m-%d %H:%M}",
        )
    out.print(table)


@images_app.command("show")
def images_show(
    image_id: Annotated[str, typer.Argument(help="Such as img_…")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    url: URLOption = None,
    api_key: KeyOption = None,
    project: ProjectOption = None,
) -> None:
    """Show a picture with its outputs.

    Example:

      picstore images show img_01h455vb4pex5vsknk084sn02q
    """

    async def work() -> Image:
        context: Context = context_of(url, api_key, project)
        async with PicStoreClient(context.url, context.api_key) as client:
            return await client.get_image(ImageId(image_id))

    image = run(work())
    if as_json:
        out.print(_json(image, indent=2), markup=False)
        return
    out.print(outputs_table(image))
    for output in image.outputs:
        if output.url:
            out.print(output.url, markup=False)


@app.command()
def doctor(
    url: URLOption = None,
    api_key: KeyOption = None,
    project: ProjectOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Say what is missing or unreachable, and how to mend it.

    Example:

      picstore doctor
    """
    findings = run(doctor_module.examine(url, api_key, project, data_dir))
    colours = {
        doctor_module.Verdict.GOOD: "green",
        doctor_module.Verdict.NOTE: "yellow",
        doctor_module.Verdict.BAD: "red",
    }
    for finding in findings:
        out.print(f"[{colours[finding.verdict]}]{finding.verdict:>8}[/] {finding.what}")
        if finding.mend:
            out.print(f"         [dim]→ {finding.mend}[/]")
    if any(finding.verdict is doctor_module.Verdict.BAD for finding in findings):
        raise typer.Exit(1)


@app.command("new-key")
def new_key() -> None:
    """Print a fresh API key, for a bootstrap document to make good.

    Example:

      export PICSTORE_API_KEY=$(picstore new-key)
    """
    out.print(new_api_key(new_id(KeyId)).text, markup=False)


def _print_changes(applied: Applied, *, dry_run: bool) -> None:
    table = Table(title="would change" if dry_run else None)
    for name in ("kind", "name", "action", "fields"):
        table.add_column(name)
    for change in applied.changes:
        action = BootstrapAction.Name(change.action).removeprefix("BOOTSTRAP_ACTION_").lower()
        fields = "\n".join(f"{f.field}: {f.old_value!r} → {f.new_value!r}" for f in change.fields)
        table.add_row(change.kind, change.name, action, fields)
    out.print(table)
    for name, project_id in applied.project_ids.items():
        out.print(f"project {name}: {project_id}")


def _json(message: Image, *, indent: int | None) -> str:
    return json_format.MessageToJson(message, preserving_proto_field_name=True, indent=indent)


if __name__ == "__main__":
    app()
