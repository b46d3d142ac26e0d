"""`picstore images explain` and `picstore images replay`; `images` adds them to its commands."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from picstore.catalog.v1.explanation_pb2 import ExplainImageRequest, ExplainImageResponse
from picstore_cli.console import note, out, size, table, write
from picstore_cli.explaining import print_explanation, spec_text
from picstore_cli.remote import Form, Remote, form_of, print_message, run_remote
from picstore_cli.replaying import (
    Replayed,
    check_original,
    fetch_original,
    generation_of,
    replay_jobs,
)
from picstore_client.methods import EXPLAIN_IMAGE
from picstore_kit.errors import NotFound, Reason

ImageArgument = Annotated[str, typer.Argument(help="Such as img_…", metavar="IMAGE")]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="OUTPUT", help="Only this output, out_…; repeatable."),
]


def explain_image(ctx: typer.Context, image_id: ImageArgument, only: OnlyOption = None) -> None:
    """Tell how a picture's outputs were made, what they cost, or why they were not.

    With --only the steps are told as well.

    Examples:

      picstore images explain img_01h455vb4pex5vsknk084sn02q

      picstore images explain img_01h455vb4pex5vsknk084sn02q --only out_01h455vb4pex5vsknk084sn02q
    """
    wanted = set(only or ())

    async def work(remote: Remote) -> ExplainImageResponse:
        request = ExplainImageRequest(image_id=image_id)
        explanation = await remote.client.call(EXPLAIN_IMAGE, request)
        known = {one.output.id for each in explanation.generations for one in each.outputs}
        if unknown := wanted - known:
            raise NotFound(
                Reason.RESOURCE_NOT_FOUND, f"the picture has no {', '.join(sorted(unknown))}"
            )
        return explanation

    explanation = run_remote(ctx, work)
    if form_of(ctx) is not Form.TABLE:
        for generation in explanation.generations:
            if wanted:
                kept = [one for one in generation.outputs if one.output.id in wanted]
                del generation.outputs[:]
                generation.outputs.extend(kept)
        print_message(ctx, explanation)
        return
    print_explanation(explanation, wanted)
    if not wanted and explanation.generations:
        note("--only OUTPUT tells its steps, --json everything of all")


def replay_image(
    ctx: typer.Context,
    image_id: ImageArgument,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            help="The original; fetched from its store if unset.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    only: OnlyOption = None,
    keep: Annotated[
        Path | None,
        typer.Option("--out", help="Keep the files in this directory.", file_okay=False),
    ] = None,
) -> None:
    """Make a picture's outputs once more on this machine, and compare them.

    They are made as a converter makes them, in a sandboxed process with the same limits. The
    original is fetched (that needs image:original) unless --file names it. The exit code is 1 if an
    output is not the same, or not made.

    Examples:

      picstore images replay img_01h455vb4pex5vsknk084sn02q

      picstore images replay img_01h455vb4pex5vsknk084sn02q --file photo.jpg --out made
    """
    wanted = set(only or ())

    async def work(remote: Remote) -> list[Replayed]:
        generation = await generation_of(remote.client, image_id, wanted)
        with tempfile.TemporaryDirectory(prefix="picstore-replay-") as name:
            scratch = Path(name)
            source = file
            if source is None:
                source = scratch / "original"
                await fetch_original(remote.client, image_id, generation, source)
            else:
                await check_original(source, generation)
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
            return await replay_jobs(generation, source, only=wanted, scratch=scratch, keep=keep)

    replayed = run_remote(ctx, work)
    if form_of(ctx) is Form.TABLE:
        _print_replayed(replayed)
    else:
        write(json.dumps([one.to_json() for one in replayed], indent=2, ensure_ascii=False))
    if any(one.verdict != "same" for one in replayed):
        raise typer.Exit(1)


def _print_replayed(replayed: list[Replayed]) -> None:
    rows = table(
        *("id", "output", "result", "CPU ms", "recorded", "memory", "recorded memory"),
        right=("CPU ms", "recorded", "memory", "recorded memory"),
    )
    for one in replayed:
        told = one.to_json()
        before, made = one.recorded.recipe, told.get("recipe")
        known = one.recorded.HasField("recipe")
        rows.add_row(
            one.recorded.output.id,
            spec_text(one.recorded.output),
            escape(_result(one)),
            str(made["cpu_ms"]) if made else "",
            str(before.cpu_ms) if known else "",
            size(made["peak_rss_bytes"]) if made else "",
            size(before.peak_rss_bytes) if known else "",
        )
    out.print(rows)
    for one in replayed:
        recorded, made = one.to_json()["recorded"]["encoder"], one.to_json().get("recipe")
        if one.verdict == "differs" and made:
            here = f"{made['encoder']} {made['encoder_version']}"
            note(f"{one.recorded.output.id}: {here} here, {recorded or 'unknown'} there")


def _result(one: Replayed) -> str:
    told = one.to_json()
    match one.verdict:
        case "failed":
            return f"failed: {told['reason']}"
        case "died":
            death = told["death"]
            how = death["signal"] or (death["limit"] and f"limit {death['limit']}")
            return f"child died: {how or told['reason']}"
        case "made" if one.recorded.output.reason:
            return f"made, recorded: {one.recorded.output.reason}"
        case verdict:
            return verdict
