"""`picstore images`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from rich.markup import escape

from picstore.catalog.v1.conversion_pb2 import Format
from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.image_service_pb2 import (
    GetImageRequest,
    ListImagesRequest,
    UpdateImageRequest,
)
from picstore_cli.commands.explain import explain_image, replay_image
from picstore_cli.completion import names_of
from picstore_cli.console import json_text, out, print_outputs, table, write
from picstore_cli.deriving import add_derive
from picstore_cli.instants import past
from picstore_cli.kinds import CONVERSION_PROFILE, IMAGE, UPLOAD_PROFILE
from picstore_cli.lazy import group
from picstore_cli.messages import to_yaml
from picstore_cli.remote import (
    Form,
    Remote,
    RemoteCommand,
    first,
    form_of,
    print_list,
    print_message,
    print_one,
    run_remote,
)
from picstore_cli.telling import line_of
from picstore_cli.verbs import DEFAULT_LIMIT, LimitOption, pair, parsed
from picstore_client import sha256_of
from picstore_client.methods import GET_IMAGE, LIST_IMAGES, UPDATE_IMAGE
from picstore_client.watching import failure_of, is_settled

app = group("The pictures of a project.")
add_derive(app)

ImageArgument = Annotated[str, typer.Argument(help="Such as img_…", metavar="IMAGE")]


class State(StrEnum):
    """How far a picture is."""

    AWAITING_UPLOAD = "awaiting_upload"
    CONVERTING = "converting"
    READY = "ready"
    FAILED = "failed"


class OriginalFormat(StrEnum):
    """The format of an original."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"


class Sort(StrEnum):
    """What a list is sorted by; `-` before it for the reverse."""

    NEWEST = "-created"
    OLDEST = "created"
    FILENAME = "filename"
    FILENAME_REVERSE = "-filename"
    SMALLEST = "bytes"
    LARGEST = "-bytes"


_ORDERS = {
    Sort.NEWEST: "create_time desc",
    Sort.OLDEST: "create_time",
    Sort.FILENAME: "filename",
    Sort.FILENAME_REVERSE: "filename desc",
    Sort.SMALLEST: "size_bytes",
    Sort.LARGEST: "size_bytes desc",
}


@app.command("list", cls=RemoteCommand)
def list_images(
    ctx: typer.Context,
    state: Annotated[State | None, typer.Option(help="Only in this state.")] = None,
    form: Annotated[
        OriginalFormat | None, typer.Option("--format", help="Only originals of this format.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="Only with this tag, and all others given.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Only with this in the filename.")] = "",
    since: Annotated[
        str | None, typer.Option("--since", help="Uploaded since: 2h, or 2026-01-31.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Uploaded before: 2h, or 2026-01-31.")
    ] = None,
    sha256: Annotated[str, typer.Option(help="Only with this hash.")] = "",
    upload_profile: Annotated[
        str,
        typer.Option(
            help="Only what came by it; id or short name.", autocompletion=names_of(UPLOAD_PROFILE)
        ),
    ] = "",
    conversion_profile: Annotated[
        str,
        typer.Option(
            help="Only what it converted; id or short name.",
            autocompletion=names_of(CONVERSION_PROFILE),
        ),
    ] = "",
    sort: Annotated[Sort, typer.Option(help="`-` for the reverse.")] = Sort.NEWEST,
    limit: LimitOption = DEFAULT_LIMIT,
) -> None:
    """List a project's pictures, newest first.

    Examples:

      picstore images list --state failed --since 24h

      picstore images list --tag hero --sort -bytes --json | jq -r .id
    """
    request = ListImagesRequest(
        state=Image.State.Value(f"STATE_{state.name if state else 'UNSPECIFIED'}"),
        format=Format.Value(f"FORMAT_{form.name if form else 'UNSPECIFIED'}"),
        tags=tag,
        filename_contains=name,
        start_time=_time(since),
        end_time=_time(until),
        sha256=sha256,
        upload_profile=upload_profile,
        order_by=_ORDERS[sort],
    )

    async def work(remote: Remote) -> tuple[list[Image], bool]:
        request.project_id = await remote.project_id()
        if conversion_profile:
            found = await CONVERSION_PROFILE.id_of(remote.client, conversion_profile)
            request.conversion_profile_id = found
        wanted = limit + 1 if limit else None
        return await first(remote.client.pages(LIST_IMAGES, request, limit=wanted), limit)

    print_list(ctx, IMAGE, run_remote(ctx, work))


@app.command("show", cls=RemoteCommand)
def show_image(ctx: typer.Context, image_id: ImageArgument) -> None:
    """Show a picture with its outputs.

    Examples:

      picstore images show img_01h455vb4pex5vsknk084sn02q

      picstore images show img_01h455vb4pex5vsknk084sn02q --json | jq .outputs
    """

    async def work(remote: Remote) -> Image:
        return await remote.client.get_image(image_id)

    image = run_remote(ctx, work)
    if form_of(ctx) is not Form.TABLE:
        print_message(ctx, image)
        return
    print_outputs(image)
    for output in image.outputs:
        if output.url:
            write(output.url)


@app.command("watch", cls=RemoteCommand)
def watch_image(ctx: typer.Context, image_id: ImageArgument) -> None:
    """Tell what happens to a picture as it happens, until it is ready or failed.

    Examples:

      picstore images watch img_01h455vb4pex5vsknk084sn02q

      picstore images watch img_01h455vb4pex5vsknk084sn02q --json | jq -r .output.url
    """

    async def work(remote: Remote) -> None:
        failure = None
        async with aclosing(remote.client.watch_image(image_id)) as events:
            async for event in events:
                match form_of(ctx):
                    case Form.JSON:
                        write(json_text(event, indent=None))
                    case Form.YAML:
                        write("---\n" + to_yaml(event).rstrip("\n"))
                    case Form.TABLE:
                        write(line_of(event))
                failure = failure_of(event.image) if is_settled(event.image) else None
        if failure is not None:
            raise failure

    run_remote(ctx, work)


app.command("explain", cls=RemoteCommand)(explain_image)
app.command("replay", cls=RemoteCommand)(replay_image)


@app.command("tag", cls=RemoteCommand)
def tag_image(
    ctx: typer.Context,
    image_id: ImageArgument,
    tags: Annotated[list[str], typer.Argument(help="Words.")],
) -> None:
    """Add tags to a picture.

    Example:

      picstore images tag img_01h455vb4pex5vsknk084sn02q hero winter
    """

    def add(image: Image) -> list[str]:
        image.tags.extend(tag for tag in tags if tag not in image.tags)
        return ["tags"]

    _change(ctx, image_id, add)


@app.command("untag", cls=RemoteCommand)
def untag_image(
    ctx: typer.Context,
    image_id: ImageArgument,
    tags: Annotated[list[str], typer.Argument(help="Words.")],
) -> None:
    """Take tags from a picture.

    Example:

      picstore images untag img_01h455vb4pex5vsknk084sn02q winter
    """

    def remove(image: Image) -> list[str]:
        kept = [tag for tag in image.tags if tag not in tags]
        del image.tags[:]
        image.tags.extend(kept)
        return ["tags"]

    _change(ctx, image_id, remove)


@app.command("describe", cls=RemoteCommand)
def describe_image(
    ctx: typer.Context,
    image_id: ImageArgument,
    alt: Annotated[
        list[str] | None,
        typer.Option("--alt", help="The alt text, or that of a language: de=Ein Hund."),
    ] = None,
    focal: Annotated[
        str | None, typer.Option("--focal", help="What stays in view: 0.5,0.3; or `none`.")
    ] = None,
    meta: Annotated[
        list[str] | None, typer.Option("--meta", help="key=value; an empty value deletes the key.")
    ] = None,
) -> None:
    """Say what a picture shows, what is to stay in view, and what else an application wants.

    Example:

      picstore images describe img_01h455vb4pex5vsknk084sn02q --alt "A dog" --alt "de=Ein Hund"
      --focal 0.5,0.3 --meta camera=X100
    """
    texts = [(words if by else tag, tag if by else "") for tag, by, words in map(_alt, alt or [])]
    point = parsed(_point, focal)
    pairs = parsed(pair, meta or [])
    if not (texts or focal or pairs):
        raise typer.BadParameter("say what to change: --alt, --focal or --meta")

    def describe(image: Image) -> list[str]:
        paths = set()
        for text, locale in texts:
            if locale:
                _put(image.alt_texts, locale, text)
            else:
                image.alt_text = text
            paths.add("alt_texts" if locale else "alt_text")
        for key, value in pairs:
            _put(image.metadata, key, value)
            paths.add("metadata")
        if focal:
            image.ClearField("focal_point")
            if point:
                image.focal_point.x, image.focal_point.y = point
            paths.add("focal_point")
        return sorted(paths)

    _change(ctx, image_id, describe)


@app.command("lookup", cls=RemoteCommand)
def lookup_images(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Files.", exists=True, dir_okay=False)],
) -> None:
    """Say which files are pictures of the project already; only their hashes are sent.

    The exit code is 3 if one is not.

    Example:

      picstore images lookup *.jpg --project blog
    """

    async def work(remote: Remote) -> list[tuple[Path, str, Image | None]]:
        project_id = await remote.project_id()
        hashes = [await sha256_of(path) for path in files]
        known = await remote.client.lookup_images(project_id, dict.fromkeys(hashes))
        pairs = zip(files, hashes, strict=True)
        return [(path, digest, known.get(digest)) for path, digest in pairs]

    results = run_remote(ctx, work)
    if form_of(ctx) is Form.TABLE:
        rows = table("file", "id", "sha256")
        for path, digest, image in results:
            rows.add_row(escape(str(path)), image.id if image else "unknown", digest)
        out.print(rows)
    else:
        for _, digest, image in results:
            write(json_text(image or Image(sha256=digest), indent=None))
    if any(image is None for _, _, image in results):
        raise typer.Exit(3)


def _change(ctx: typer.Context, image_id: str, change: Callable[[Image], list[str]]) -> None:
    """Change a picture as it is now; refused if somebody else changes it meanwhile."""

    async def work(remote: Remote) -> Image:
        image = await remote.client.call(GET_IMAGE, GetImageRequest(image_id=image_id))
        paths = change(image)
        wanted = Image(id=image.id, etag=image.etag)
        wanted.MergeFrom(_only(image, paths))
        return await remote.client.call(
            UPDATE_IMAGE, UpdateImageRequest(image=wanted, update_mask=FieldMask(paths=paths))
        )

    print_one(ctx, IMAGE, run_remote(ctx, work))


def _only(image: Image, paths: list[str]) -> Image:
    """Return a picture with some of the fields of another."""
    kept = Image()
    FieldMask(paths=paths).MergeMessage(image, kept)
    return kept


def _put(texts: object, key: str, value: str) -> None:
    """Set an entry of a map; an empty value deletes it."""
    assert hasattr(texts, "pop")
    texts.pop(key, None)
    if value:
        texts[key] = value  # type: ignore[index]  # a map of protobuf's


def _alt(text: str) -> tuple[str, str, str]:
    """Split `de=Ein Hund`; a text whose first word is no language tag is the default's."""
    locale, equals, words = text.partition("=")
    if equals and locale.replace("-", "").isalnum() and 2 <= len(locale.split("-")[0]) <= 3:
        return locale, equals, words
    return text, "", ""


def _point(text: str) -> tuple[float, float] | None:
    if text == "none":
        return None
    try:
        x, y = map(float, text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is no place: write it like 0.5,0.3") from None
    return x, y


def _time(text: str | None) -> Timestamp | None:
    time = parsed(lambda words: past(words, now=datetime.now(UTC)), text)
    if time is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp
