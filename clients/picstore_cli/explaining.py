"""What people see of how a picture's outputs came to be."""

from __future__ import annotations

import signal
from collections.abc import Collection, Iterator

from rich.markup import escape

from picstore.catalog.v1.conversion_pb2 import ChildDeath, Recipe
from picstore.catalog.v1.explanation_pb2 import (
    ExplainedGeneration,
    ExplainedJob,
    ExplainedOutput,
    ExplainImageResponse,
    RenderSource,
)
from picstore.catalog.v1.image_pb2 import Output
from picstore_cli.console import format_name, note, out, size, state_name, table


def print_explanation(explanation: ExplainImageResponse, only: Collection[str]) -> None:
    """Print tables of outputs and jobs, and the steps of those that are asked for."""
    for generation in explanation.generations:
        _print_outputs(generation, only)
        _print_jobs(generation.jobs)
        if generation.HasField("quarantine"):
            quarantine = generation.quarantine
            first = ", ".join(quarantine.suspect_output_ids) or _first_suspect(generation)
            out.print(
                f"[red]quarantined[/red]: {escape(quarantine.message)} ({quarantine.reason}); "
                f"replay first: {first}"
            )
    for generation in explanation.generations:
        for job in generation.jobs:
            if job.id in only:
                _print_drawing(generation, job)
        for explained in generation.outputs:
            if explained.output.id in only:
                _print_details(explained)
    if explanation.abridged and any(
        job.deaths or job.HasField("render") for one in explanation.generations for job in one.jobs
    ):
        note("what children printed, their versions, and what is known of the originals that it is")
        note("drawn from are told to who has image:original")


def drawing_text(generation: ExplainedGeneration) -> str:
    """Return what a drawing is, with its size where it was drawn."""
    source = generation.source
    return f"drawing {source.width}×{source.height}" if source.width else "drawing"


def _first_suspect(generation: ExplainedGeneration) -> str:
    """Name what killed the processes of a generation without outputs that could have."""
    drawn = [job.id for job in generation.jobs if job.HasField("render")]
    return next((id for id in drawn if id in generation.quarantine.job_ids), "the decode")


def spec_text(output: Output) -> str:
    """Return what an output was to be: format, size, and density where it is not 1."""
    dense = f" @{output.spec.density:g}x" if output.spec.density != 1 else ""
    return f"{format_name(output.spec.format)} {output.spec.width}×{output.spec.height}{dense}"


def signal_name(number: int) -> str:
    """Return the name of a signal, or its number where it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def cost(recipe: Recipe) -> str:
    """Return the CPU time of an output, and its share of the decode."""
    return f"{recipe.cpu_ms} + {recipe.decode_cpu_ms}"


def _print_outputs(generation: ExplainedGeneration, only: Collection[str]) -> None:
    source = generation.source
    what = "served" if generation.served else "pending" if generation.pending else "not served"
    title = f"generation {generation.generation} ({what}): {generation.filename}"
    if not generation.HasField("source"):
        out.print(escape(f"{title}, which is not drawn"))
        return
    frames = f", {source.frames} frames" if source.frames > 1 else ""
    rows = table(
        *("id", "output", "state", "encoder", "quality", "effort", "CPU ms", "expected", "memory"),
        right=("quality", "effort", "CPU ms", "expected", "memory"),
        title=(
            f"{title}, {format_name(source.format)} {source.width}×{source.height}{frames}, "
            f"{size(source.size_bytes)}; {generation.conversion_profile_id} revision "
            f"{generation.conversion_profile_revision}"
        ),
    )
    for explained in generation.outputs:
        if not only or explained.output.id in only:
            rows.add_row(*map(escape, _cells(explained)))
    out.print(rows)


def _cells(explained: ExplainedOutput) -> tuple[str, ...]:
    output = explained.output
    state = state_name(Output.State.Name(output.state))
    known = (output.id, spec_text(output), f"{state}: {output.reason}" if output.reason else state)
    expected = str(explained.estimated_cpu_ms)
    if not explained.HasField("recipe"):
        return (*known, "", "", "", "", expected, "")
    recipe = explained.recipe
    quality = str(recipe.quality) if recipe.HasField("quality") else "lossless"
    return (
        *known,
        f"{recipe.encoder} ({recipe.encoder_version})",
        f"{quality} ({recipe.metric} {recipe.score:.1f})" if recipe.metric else quality,
        str(recipe.effort),
        cost(recipe),
        expected,
        size(recipe.peak_rss_bytes),
    )


def _print_jobs(jobs: Collection[ExplainedJob]) -> None:
    rows = table("id", "lane", "state", "attempts", "worker", "last failure", right=("attempts",))
    for job in jobs:
        state = state_name(ExplainedJob.State.Name(job.state))
        failure = f"{job.failure_reason}: {job.failure_message}" if job.failure_reason else ""
        cells = (job.id, job.lane, state, str(job.attempt), job.worker, failure)
        rows.add_row(*map(escape, cells))
    out.print(rows)
    for job in jobs:
        if job.HasField("render"):
            for line in _drawing_lines(job):
                out.print(escape(line))
        for death in job.deaths:
            for line in _death_lines(death):
                out.print(escape(line))


def _drawing_lines(job: ExplainedJob) -> Iterator[str]:
    render = job.render
    yield (
        f"{job.id} draws over {_source_text(render.base)} by {render.overlay_template_id} "
        f"revision {render.overlay_template_revision}"
    )
    for name, value in sorted(render.variables.items()):
        yield f"  {name} = {value}"
    for layer in render.images:
        yield f"  with {_source_text(layer)}"
    if render.HasField("recipe"):
        recipe = render.recipe
        yield (
            f"  by {recipe.encoder} ({recipe.encoder_version}), {recipe.cpu_ms} CPU-ms, "
            f"{size(recipe.peak_rss_bytes)} of memory"
        )


def _source_text(source: RenderSource) -> str:
    """Name an original that is drawn."""
    if not source.generation:
        return f"{source.image_id} (an original that is gone)"
    return f"{source.image_id} (generation {source.generation})"


def _death_lines(death: ChildDeath) -> Iterator[str]:
    if death.signal:
        end = signal_name(death.signal)
    elif death.HasField("exit_code"):
        end = f"exit code {death.exit_code}"
    else:
        end = death.reason
    limit = f", limit {death.limit}" if death.limit else ""
    peak = f", {size(death.peak_rss_bytes)} held" if death.peak_rss_bytes else ""
    yield f"attempt {death.attempt} died by {end}{limit}{peak}: {death.message}"
    limits = death.limits
    yield (
        f"  allowed: {size(limits.memory_bytes)} of address space, {limits.cpu_seconds:g} CPU-s, "
        f"{limits.wall_seconds:g} s"
    )
    for name, entries in (("versions", death.versions), ("sandbox", death.sandbox)):
        if entries:
            yield f"  {name}: {', '.join(f'{n} {v}' for n, v in sorted(entries.items()))}"
    for line in death.output.splitlines():
        yield f"  | {line}"


def _print_drawing(generation: ExplainedGeneration, job: ExplainedJob) -> None:
    render = job.render
    out.print(f"\n{job.id}: {drawing_text(generation)}")
    for number, step in enumerate(render.recipe.steps, 1):
        out.print(f"  {number}. {escape(step)}")
    for source in (render.base, *render.images):
        if source.HasField("source"):
            facts = source.source
            out.print(
                f"  {source.image_id}: {format_name(facts.format)} {facts.width}×{facts.height}, "
                f"{size(facts.size_bytes)}, sha256 {facts.sha256}"
            )
    out.print(f"  {escape(render.overlay)}")


def _print_details(explained: ExplainedOutput) -> None:
    output = explained.output
    out.print(f"\n{output.id}: {spec_text(output)}")
    if output.message:
        out.print(f"  {escape(output.message)} ({output.reason})")
    if not explained.HasField("recipe"):
        out.print("  nothing is known of how it was made")
        return
    for number, step in enumerate(explained.recipe.steps, 1):
        out.print(f"  {number}. {escape(step)}")
    recipe = explained.recipe
    out.print(
        f"  {cost(recipe)} CPU-ms (itself + its share of the decode), "
        f"{size(recipe.peak_rss_bytes)} of memory"
    )
    out.print(f"  {size(output.size_bytes)}, sha256 {output.sha256}")
