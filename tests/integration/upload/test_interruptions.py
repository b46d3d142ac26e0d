"""However an upload is cut and wherever it is broken off, the same bytes arrive."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from picstore.upload.v1 import upload_pb2
from picstore_kit.blobs.base import PART_BYTES
from picstore_kit.errors import PicstoreError, Reason
from picstore_local.infrastructure import Infrastructure
from tests.integration.upload.installation import Installation, installation
from tests.integration.upload.modes import create, digest, state, written
from tests.integration.upload.pictures import jpeg

NOISE = hashlib.shake_256(b"noise").digest(3 * PART_BYTES)

sizes = st.one_of(
    st.integers(1, 70_000),
    st.sampled_from([PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES]),
)
"""Lengths of what one call sends, with those in it at which parts begin and end."""

calls = st.lists(
    st.tuples(
        sizes,
        st.sampled_from([997, 65_536, 262_144, 1_048_576]),  # bytes of a chunk
        st.booleans(),  # whether the call is broken off
        st.booleans(),  # whether another replica gets it
    ),
    min_size=1,
    max_size=6,
)


async def interrupted(installed: Installation, data: bytes, plan: list[tuple[int, ...]]) -> str:
    """Send `data` by the calls of a plan, then whatever is missing; return the picture's digest."""
    upload = await create(installed, size_bytes=len(data))
    for length, chunk_bytes, broken_off, elsewhere in plan:
        at = (await state(installed, upload.id)).persisted_size
        replica = installed.other_replica if elsewhere else installed.uploads
        piece = data[at : at + length]
        call = replica.WriteUpload(
            written(upload.id, piece, offset=at, chunk_bytes=max(chunk_bytes, len(piece) // 500))
        )
        if broken_off:
            await asyncio.sleep(0)
            call.cancel()
        try:
            await call
        except asyncio.CancelledError:
            if not broken_off:
                raise
    while True:
        at = (await state(installed, upload.id)).persisted_size
        try:
            done = await installed.uploads.WriteUpload(
                written(upload.id, data[at:], offset=at, finish=digest(data))
            )
        except PicstoreError as error:
            # The call that was broken off has kept more of it meanwhile.
            if error.reason is not Reason.UPLOAD_OFFSET_WRONG:
                raise
        else:
            assert done.state == upload_pb2.Upload.STATE_COMPLETED
            return done.image.sha256


@pytest.mark.timeout(300)
def test_random_chunks_cuts_and_resumes_arrive_at_the_same_hash(
    infra: Infrastructure, database_url: str, bucket: str, tmp_path: Path
) -> None:
    with asyncio.Runner() as runner:
        opened = installation(infra, database_url, bucket, tmp_path)
        installed = runner.run(opened.__aenter__())

        @settings(
            max_examples=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
        @given(size=st.integers(0, len(NOISE)), plan=calls, first=st.integers(0, 255))
        def run(size: int, plan: list[tuple[int, ...]], first: int) -> None:
            data = jpeg() + bytes([first]) + NOISE[:size]
            assert runner.run(interrupted(installed, data, plan)) == digest(data)

        try:
            run()
            runner.run(installed.nothing_is_left())
        finally:
            runner.run(opened.__aexit__(None, None, None))
