"""Claims and reports of workers on the wire."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from picstore.catalog.v1 import picture_pb2
from picstore.jobs.v1 import job_pb2
from picstore_catalog.mapping.image import optional_timestamp, spec_message
from picstore_catalog.mapping.ingest import facts_message, read_sha256
from picstore_catalog.mapping.recipe import read_recipe
from picstore_catalog.model.image import Placeholder
from picstore_catalog.model.job import LEASE, Failure
from picstore_catalog.model.output import StoredFile, Useless
from picstore_catalog.model.storage_location import DEFAULT_CACHE_CONTROL
from picstore_catalog.model.work import Claim
from picstore_kit.errors import InvalidField, Reason

_MAX_MESSAGE: Final = 1000
_MAX_THUMBHASH_BYTES: Final = 64
_MAX_COLOURS: Final = 5
_PREVIEW_START: Final = "data:image/webp;base64,"
_MAX_PREVIEW: Final = 400
_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")


def claim_message(claim: Claim) -> job_pb2.Claim:
    """Return a job as its worker needs it."""
    job, order = claim.job, claim.order
    return job_pb2.Claim(
        job_id=job.id,
        attempt=job.attempt,
        lease_expire_time=optional_timestamp(job.lease_until),
        lease_seconds=int(LEASE.total_seconds()),
        image_id=job.image_id,
        generation=job.generation,
        originals_location_id=order.original.location_id,
        object_key=order.original.object_key,
        facts=facts_message(order.original),
        outputs_location_id=job.outputs_location_id,
        output_key_prefix=job.output_key_prefix,
        cache_control=order.cache_control or DEFAULT_CACHE_CONTROL,
        outputs=[
            job_pb2.WantedOutput(
                output_id=wanted.id,
                spec=spec_message(wanted.spec),
                better_output_id=wanted.better_id or "",
                better_size_bytes=wanted.better_size_bytes,
                skip_if_larger_percent=wanted.skip_if_larger_percent,
                start_quality=wanted.start_quality or 0,
            )
            for wanted in claim.outputs
        ],
        wants_placeholder=order.wants_placeholder,
    )


def read_result(request: job_pb2.CompleteOutputRequest) -> StoredFile | Failure | Useless:
    """Read what became of an output.

    Raises:
        InvalidField: Nothing is said, or what is said is impossible.
    """
    match request.WhichOneof("result"):
        case "stored":
            stored = request.stored
            return StoredFile(
                object_key=stored.object_key,
                width=stored.width,
                height=stored.height,
                size_bytes=stored.size_bytes,
                sha256=read_sha256(stored.sha256, field="stored.sha256"),
                encode_cpu_ms=stored.encode_cpu_ms,
                recipe=(
                    read_recipe(stored.recipe, field="stored.recipe")
                    if stored.HasField("recipe")
                    else None
                ),
            )
        case "failed":
            return read_failure(
                request.failed.reason, request.failed.message, field="failed.reason"
            )
        case "skipped":
            skipped = request.skipped
            if min(skipped.size_bytes, skipped.better_size_bytes) < 1:
                raise InvalidField("skipped.size_bytes", "must be at least 1, of either output")
            return Useless(
                size_bytes=skipped.size_bytes, better_size_bytes=skipped.better_size_bytes
            )
        case _:
            raise InvalidField("result", "must be given")


def read_failure(reason: str, message: str, *, field: str) -> Failure:
    """Read why something failed; what is said in words is cut where it is very long.

    Raises:
        InvalidField: The reason is none of ours.
    """
    try:
        known = Reason(reason)
    except ValueError:
        raise InvalidField(field, "must be an ErrorReason without its prefix") from None
    return Failure(reason=known, message=message.replace("\0", "")[:_MAX_MESSAGE])


def read_placeholder(message: picture_pb2.Placeholder) -> Placeholder:
    """Read what to show until a picture is there.

    Raises:
        InvalidField: A part of it is malformed.
    """
    try:
        thumbhash = base64.b64decode(message.thumbhash, validate=True)
    except binascii.Error:
        thumbhash = b""
    if not 1 <= len(thumbhash) <= _MAX_THUMBHASH_BYTES:
        raise InvalidField("placeholder.thumbhash", "must be a ThumbHash in base64")
    if not _COLOUR.fullmatch(message.dominant_colour):
        raise InvalidField("placeholder.dominant_colour", "must be a colour such as #1a2b3c")
    if len(message.palette) > _MAX_COLOURS or not all(map(_COLOUR.fullmatch, message.palette)):
        raise InvalidField("placeholder.palette", f"must be at most {_MAX_COLOURS} colours")
    return Placeholder(
        thumbhash=thumbhash,
        dominant_colour=message.dominant_colour,
        palette=tuple(message.palette),
        preview=_read_preview(message.preview_uri),
    )


def _read_preview(uri: str) -> bytes:
    """Read a WebP; a converter from before there were previews sends none."""
    if not uri:
        return b""
    try:
        preview = base64.b64decode(uri.removeprefix(_PREVIEW_START), validate=True)
    except (binascii.Error, ValueError):
        preview = b""
    whole = preview[:4] == b"RIFF" and preview[8:12] == b"WEBP"
    if not (uri.startswith(_PREVIEW_START) and whole and len(uri) <= _MAX_PREVIEW):
        raise InvalidField("placeholder.preview_uri", "must be a WebP as a short data: URI")
    return preview
