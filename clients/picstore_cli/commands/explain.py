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
from picstore_cli.explaining import print_explanation
from picstore_cli.originals import gather
from picstore_cli.remote import Form, Remote, form_of, print_message, run_remote
from picstore_cli.replaying import Replayed, plan_of, replay_jobs
from picstore_client.methods import EXPLAIN_IMAGE
from picstore_kit.errors import NotFound, Reason

ImageArgument = Annotated[str, typer.Argument(help="Such as img_…", metavar="IMAGE")]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="OUTPUT",
        help="Only this output, out_…, or drawing, by its job, job_…; repeatable.",
    ),
]


def explain_image(ctx: typer.Context, image_id: ImageArgument, only: OnlyOption = None) -> None:
    """Tell how a picture's outputs were made, what they cost, or why they were not.

    Of a derived picture it tells the drawing as well. With --only the steps are told.

    Examples:

      picstore images explain img_01h455vb4pex5vsknk084sn02q

      picstore images explain img_01h455vb4pex5vsknk084sn02q --only out_01h455vb4pex5vsknk084sn02q
    """
    wanted = set(only or ())

    async def work(remote: Remote) -> ExplainImageResponse:
        request = ExplainImageRequest(image_id=image_id)
        explanation = await remote.client.call(EXPLAIN_IMAGE, request)
        known = {one.output.id for each in explanation.generations for one in each.outputs}
        known |= {
            job.id
            for each in explanation.generations
            for job in each.jobs
            if job.HasField("render")
        }
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
        list[Path] | None,
        typer.Option(
            "--file",
            help="The original, or one that it is drawn from; repeatable. Others are fetched.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    only: OnlyOption = None,
    keep: Annotated[
        Path | None,
        typer.Option("--out", help="Keep the files in this directory.", file_okay=False),
    ] = None,
    fonts_dir: Annotated[
        Path | None,
        typer.Option(
            "--fonts-dir",
            help="The converter's fonts directory, for drawings and SVG, such as /srv/fonts.",
            exists=True,
            file_okay=False,
            resolve_path=True,
        ),
    ] = None,
) -> None:
    """Make a picture's outputs once more on this machine, and compare them.

    They are made as a converter makes them, in a sandboxed process with the same limits; the
    original of a derived picture is drawn once more, too. Originals are fetched (that needs
    image:original of each) unless --file names them. Fonts are those of this machine, and of
    --fonts-dir. The exit code is 1 if something is not the same, or not made.

    Examples:

      picstore images replay img_01h455vb4pex5vsknk084sn02q

      picstore images replay img_01h455vb4pex5vsknk084sn02q --file photo.jpg --out made

      picstore images replay img_01h455vb4pex5vsknk084sn02q --fonts-dir /srv/fonts
    """
    wanted = set(only or ())

    async def work(remote: Remote) -> list[Replayed]:
        plan = await plan_of(remote.client, image_id, wanted)
        with tempfile.TemporaryDirectory(prefix="picstore-replay-") as name:
            scratch = Path(name)
            originals = await gather(remote.client, tuple(plan.originals), file or (), scratch)
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
            return await replay_jobs(
                plan, originals, scratch=scratch, keep=keep, fonts_dir=fonts_dir
            )

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
        before, made = one.recipe, told.get("recipe")
        rows.add_row(
            one.id,
            one.what,
            escape(_result(one)),
            str(made["cpu_ms"]) if made else "",
            str(before.cpu_ms) if before else "",
            size(made["peak_rss_bytes"]) if made else "",
            size(before.peak_rss_bytes) if before else "",
        )
    out.print(rows)
    for one in replayed:
        recorded, made = one.to_json()["recorded"]["encoder"], one.to_json().get("recipe")
        if one.verdict == "differs" and made:
            here = f"{made['encoder']} {made['encoder_version']}"
            note(f"{one.id}: {here} here, {recorded or 'unknown'} there")
        if one.note:
            note(f"{one.id}: {one.note}")


def _result(one: Replayed) -> str:
    told = one.to_json()
    match one.verdict:
        case "failed":
            return f"failed: {told['reason']}"
        case "died":
            death = told["death"]
            how = death["signal"] or (death["limit"] and f"limit {death['limit']}")
            return f"child died: {how or told['reason']}"
        case "made" if one.reason:
            return f"made, recorded: {one.reason}"
        case verdict:
            return verdict
