"""Making a picture's outputs once more on this machine, and comparing them with what is there."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from picstore.catalog.v1.explanation_pb2 import (
    ExplainedGeneration,
    ExplainedOutput,
    ExplainImageRequest,
)
from picstore.catalog.v1.image_pb2 import Output
from picstore.catalog.v1.image_service_pb2 import SignOriginalRequest
from picstore_cli.explaining import signal_name
from picstore_client import PicStoreClient, sha256_of
from picstore_client.methods import EXPLAIN_IMAGE, SIGN_ORIGINAL
from picstore_kit.errors import FailedPrecondition, InvalidArgument, NotFound, Reason, Unavailable
from picstore_kit.ids import OutputId

if TYPE_CHECKING:  # the converter is loaded when something is replayed, and only then
    from picstore_converter.replay import Made, NotMade
    from picstore_kit.sandbox.limits import SandboxLimits

_TIMEOUT: Final = httpx.Timeout(60, connect=10)
_CHUNK_BYTES: Final = 256 * 1024
_PLAYED: Final = frozenset(
    {Output.STATE_QUEUED, Output.STATE_CONVERTING, Output.STATE_READY, Output.STATE_FAILED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """An output as it is recorded, and what came of it here."""

    recorded: ExplainedOutput
    result: Made | NotMade

    @property
    def verdict(self) -> str:
        """`same` or `differs`, `made` where nothing is recorded to compare, `failed` or `died`."""
        from picstore_converter.replay import NotMade

        if isinstance(self.result, NotMade):
            return "failed" if self.result.death is None else "died"
        known = self.recorded.output.sha256
        if not known:
            return "made"
        return "same" if known == self.result.sha256 else "differs"

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        from picstore_converter.replay import NotMade

        recorded, result = self.recorded, self.result
        told: dict[str, Any] = {
            "output_id": recorded.output.id,
            "verdict": self.verdict,
            "recorded": {
                "sha256": recorded.output.sha256,
                "reason": recorded.output.reason,
                "cpu_ms": recorded.recipe.cpu_ms,
                "peak_rss_bytes": recorded.recipe.peak_rss_bytes,
                "encoder": f"{recorded.recipe.encoder} {recorded.recipe.encoder_version}".strip(),
            },
        }
        if isinstance(result, NotMade):
            told |= {"reason": result.reason.value, "message": result.message}
            if result.death is not None:
                told["death"] = {
                    "signal": signal_name(result.death.signal) if result.death.signal else "",
                    "exit_code": result.death.exit_code,
                    "limit": result.death.limit,
                    "peak_rss_bytes": result.death.peak_rss_bytes,
                    "output": result.death.output,
                }
            return told
        return told | {
            "sha256": result.sha256,
            "size_bytes": result.size_bytes,
            "recipe": result.recipe.to_json(),
        }


async def generation_of(
    client: PicStoreClient, image_id: str, only: Collection[str]
) -> ExplainedGeneration:
    """Return the newest generation of a picture, or the one that the outputs `only` are of.

    Raises:
        NotFound: The picture has no original yet, or no such output.
    """
    request = ExplainImageRequest(image_id=image_id)
    generations = list((await client.call(EXPLAIN_IMAGE, request)).generations)
    if not generations:
        raise NotFound(Reason.RESOURCE_NOT_FOUND, "the picture has no original yet")
    if not only:
        return generations[0]
    for generation in generations:
        if set(only) <= {explained.output.id for explained in generation.outputs}:
            return generation
    raise NotFound(Reason.RESOURCE_NOT_FOUND, "no generation of the picture has all these outputs")


async def fetch_original(
    client: PicStoreClient, image_id: str, generation: ExplainedGeneration, path: Path
) -> None:
    """Download an original and check that it is the one.

    Raises:
        PicstoreError: It cannot be read, or is not what it was.
    """
    signed = await client.call(
        SIGN_ORIGINAL, SignOriginalRequest(image_id=image_id, generation=generation.generation)
    )
    digest, length = hashlib.sha256(), 0
    try:
        async with (
            httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as http,
            http.stream("GET", signed.url) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise Unavailable(
                    Reason.STORAGE_UNAVAILABLE,
                    f"the store of the original answers {answer.status_code}",
                )
            with path.open("wb") as file:
                async for data in answer.aiter_bytes(_CHUNK_BYTES):
                    length += len(data)
                    if length > signed.size_bytes:
                        break
                    digest.update(data)
                    file.write(data)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Without the error's text, which may hold the URL.
        raise Unavailable(
            Reason.STORAGE_UNAVAILABLE,
            f"the store of the original cannot be reached ({type(error).__name__})",
        ) from None
    if length != signed.size_bytes or digest.hexdigest() != generation.source.sha256:
        raise FailedPrecondition(
            Reason.STATE_WRONG, "what the store has is not the original: its hash is another"
        )


async def check_original(path: Path, generation: ExplainedGeneration) -> None:
    """Refuse a file that is not the original.

    Raises:
        InvalidArgument: Its hash is another.
    """
    if await sha256_of(path) != generation.source.sha256:
        raise InvalidArgument(
            Reason.FIELD_INVALID,
            f"{path} is not the original of this picture: its hash is another",
        )


async def replay_jobs(
    generation: ExplainedGeneration,
    source: Path,
    *,
    only: Collection[str],
    scratch: Path,
    keep: Path | None,
) -> list[Replayed]:
    """Make outputs once more, each job by itself, with the limits of the last time.

    Raises:
        FailedPrecondition: What makes pictures is not installed.
    """
    from picstore_converter import mapping
    from picstore_converter.model import WantedOutput
    from picstore_converter.replay import missing, replay

    if absent := missing():
        raise FailedPrecondition(
            Reason.STATE_WRONG,
            f"pictures cannot be made here: {', '.join(absent)} is not installed; "
            "`pip install 'picstore[converter]'` brings it",
        )
    replayed = []
    facts = mapping.facts_from(generation.source)
    for job in generation.jobs:
        explained = {
            OutputId(one.output.id): one for one in generation.outputs if one.job_id == job.id
        }
        wanted = {
            output_id
            for output_id, one in explained.items()
            if (output_id in only if only else one.output.state in _PLAYED)
        }
        if not wanted:
            continue
        results = await replay(
            source,
            facts,
            [
                WantedOutput(
                    id=output_id,
                    spec=mapping.spec_from(one.output.spec),
                    # A search that begins at what it came to comes to it again.
                    start_quality=one.recipe.quality or None,
                )
                for output_id, one in explained.items()
            ],
            only=wanted,
            limits=_limits(generation),
            scratch=scratch,
            keep=keep,
        )
        replayed += [
            Replayed(recorded=one, result=results[output_id])
            for output_id, one in explained.items()
            if output_id in results
        ]
    return replayed


def _limits(generation: ExplainedGeneration) -> SandboxLimits:
    """Return what the child may use: what the last one that died might, or a converter's usual."""
    from picstore_converter.settings import ConversionSettings, limits_of
    from picstore_kit.sandbox.limits import SandboxLimits

    deaths = [death for job in generation.jobs for death in job.deaths]
    if not deaths or not deaths[-1].limits.memory_bytes:
        return limits_of(ConversionSettings())
    told = deaths[-1].limits
    return SandboxLimits(
        memory_bytes=told.memory_bytes,
        cpu_s=told.cpu_seconds,
        wall_s=told.wall_seconds,
        file_bytes=told.file_bytes,
        open_files=told.open_files,
    )
