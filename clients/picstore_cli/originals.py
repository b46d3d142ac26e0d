"""Originals that something is made of once more: files at hand, or fetched from their stores."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from picstore.catalog.v1.conversion_pb2 import SourceFacts
from picstore.catalog.v1.image_service_pb2 import SignOriginalRequest
from picstore_client import PicStoreClient, sha256_of
from picstore_client.methods import SIGN_ORIGINAL
from picstore_kit.errors import FailedPrecondition, InvalidArgument, NotFound, Reason, Unavailable

_TIMEOUT: Final = httpx.Timeout(60, connect=10)
_CHUNK_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An original that is needed."""

    image_id: str
    generation: int
    """0 where the picture has it no more."""
    facts: SourceFacts


async def gather(
    client: PicStoreClient, wanted: Collection[Wanted], files: Collection[Path], directory: Path
) -> Mapping[str, Path]:
    """Return where each original is, by its hash: one of `files`, or fetched into `directory`.

    Raises:
        InvalidArgument: A file is none of them.
        NotFound: One is gone (SOURCE_MISSING).
        PicstoreError: One cannot be read, or is not what it was.
    """
    places = {await sha256_of(path): path for path in files}
    by_hash = {one.facts.sha256: one for one in wanted}
    for digest, path in places.items():
        if digest not in by_hash:
            raise InvalidArgument(
                Reason.FIELD_INVALID,
                f"{path} is not the original of this picture, nor one that it is drawn from: its "
                "hash is another",
            )
    for digest, one in by_hash.items():
        if digest not in places:
            places[digest] = directory / f"original-{digest}"
            await _fetch(client, one, places[digest])
    return places


async def _fetch(client: PicStoreClient, wanted: Wanted, path: Path) -> None:
    """Download an original and check that it is the one."""
    if not wanted.generation:
        raise NotFound(
            Reason.SOURCE_MISSING,
            f"{wanted.image_id} does not have the original any more whose sha256 is "
            f"{wanted.facts.sha256}; name a copy by --file",
        )
    request = SignOriginalRequest(image_id=wanted.image_id, generation=wanted.generation)
    signed = await client.call(SIGN_ORIGINAL, request)
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
    if length != signed.size_bytes or digest.hexdigest() != wanted.facts.sha256:
        raise FailedPrecondition(
            Reason.STATE_WRONG, "what the store has is not the original: its hash is another"
        )
