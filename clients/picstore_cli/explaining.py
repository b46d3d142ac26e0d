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
)
from picstore.catalog.v1.image_pb2 import Output
from picstore_cli.console import format_name, out, size, state_name, table


def print_explanation(explanation: ExplainImageResponse, only: Collection[str]) -> None:
    """Print tables of outputs and jobs, and the steps of the outputs that are asked for."""
    for generation in explanation.generations:
        _print_outputs(generation, only)
        _print_jobs(generation.jobs)
        if generation.HasField("quarantine"):
            quarantine = generation.quarantine
            out.print(
                f"[red]quarantined[/red]: {escape(quarantine.message)} ({quarantine.reason}); "
                f"replay first: {', '.join(quarantine.suspect_output_ids) or 'the decode'}"
            )
    for generation in explanation.generations:
        for explained in generation.outputs:
            if explained.output.id in only:
                _print_details(explained)


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
    frames = f", {source.frames} frames" if source.frames > 1 else ""
    rows = table(
        *("id", "output", "state", "encoder", "quality", "effort", "CPU ms", "expected", "memory"),
        right=("quality", "effort", "CPU ms", "expected", "memory"),
        title=(
            f"generation {generation.generation} ({what}): {generation.filename}, "
            f"{format_name(source.format)} {source.width}×{source.height}{frames}, "
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
        for death in job.deaths:
            for line in _death_lines(death):
                out.print(escape(line))


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
    yield f"  versions: {', '.join(f'{n} {v}' for n, v in sorted(death.versions.items()))}"
    yield f"  sandbox: {', '.join(f'{n} {v}' for n, v in sorted(death.sandbox.items()))}"
    for line in death.output.splitlines():
        yield f"  | {line}"


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
