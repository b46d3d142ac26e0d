"""Bench: a catalog of a million pictures: lookups by hash, deep pages, and what permissions cost.

One catalog process serves, as `picstore up` starts it, with its log. Its callers are in processes
of their own, so on a machine of two cores they take from it what they need themselves; beside the
rate stands the CPU time that the catalog spent on one call.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import grpc
import psutil
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from pydantic import SecretStr

from picstore.catalog.v1 import image_pb2, image_service_pb2
from picstore.catalog.v1.image_service_pb2_grpc import ImageServiceStub
from picstore_catalog.mapping.image_list import list_scope
from picstore_catalog.model.permission import Permission
from picstore_catalog.repo import image as images
from picstore_catalog.repo.image_row import selecting, stored
from picstore_kit.ids import ImageId, ProjectId, TeamId, new_id
from picstore_kit.pg.access import Access, Reach, fetch_one
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Pager
from picstore_kit.pg.provision import login_dsn
from picstore_kit.rpc.credentials import AUTHORIZATION
from picstore_kit.settings import PostgresSettings
from tests.perf.seeding import Seeded, known_hash, seed
from tests.perf.tables import median_and_tail, show
from tests.stack import PATIENCE_S, LiveStack, live_stack

if TYPE_CHECKING:
    from picstore.catalog.v1.image_service_pb2_grpc import ImageServiceAsyncStub

PICTURES: Final = 1_000_000
ROUNDS: Final = 5
ROUND_S: Final = 4.0
CALLER_PROCESSES: Final = 2
CALLS_AT_ONCE: Final = 16
"""Of each of these processes."""
BATCHES: Final = 25
BATCH: Final = 1000
KNOWN_OF_BATCH: Final = 900
PAGES: Final = 60
FETCHES: Final = 3000
GRANTS: Final = 20
"""Projects that the caller of the fetches has grants on, one by one."""

_UNCHECKED: Final = selecting(
    """
    , true AS allowed
    FROM images i
    WHERE i.team_id = %(team_id)s AND i.id = %(id)s
    """
)


def run() -> dict[str, float]:
    """Measure, print a table, and return `hash_lookups_per_s` and more."""
    with (
        tempfile.TemporaryDirectory() as directory,
        live_stack(Path(directory) / "stack", PICSTORE_TELEMETRY__LOG_FORMAT="json") as stack,
    ):
        return asyncio.run(_measure(stack))


async def _measure(stack: LiveStack) -> dict[str, float]:
    async with await AsyncConnection.connect(_admin_dsn(stack), autocommit=True) as admin:
        seeded = await seed(admin, PICTURES)
    lookups = await _look_up_singly(stack, seeded)
    async with grpc.aio.insecure_channel(stack.targets()["catalog"]) as channel:
        caller = Caller(channel, stack.api_key)
        batches = await _look_up_batches(caller, seeded)
        first, deep = await _pages(caller, stack, seeded)
    with_check, without = await _fetches(stack, seeded)
    batch, batch_tail = median_and_tail(batches, 90)
    show(
        f"a catalog of {PICTURES:,} pictures, one process",
        ("", "median", "p90"),
        [
            ("lookups of one hash a second", f"{lookups.per_s:.0f}", ""),
            ("… CPU of the catalog for one, µs", f"{lookups.cpu_us:.0f}", ""),
            ("… as their callers see it, ms", f"{lookups.ms:.1f}", f"{lookups.ms_p90:.1f}"),
            (f"lookup of {BATCH:,} hashes, ms", f"{batch:.1f}", f"{batch_tail:.1f}"),
            ("first page of 50, ms", *_cells(first)),
            (f"page of 50 after {PICTURES:,}, ms", *_cells(deep)),
            ("fetch with the permission, ms", *_cells(with_check)),
            ("fetch without, ms", *_cells(without)),
        ],
    )
    return {
        "hash_lookups_per_s": lookups.per_s,
        "hash_lookup_cpu_us": lookups.cpu_us,
        "hash_lookup_p50_ms": lookups.ms,
        "hash_batch_ms": batch,
        "deep_page_ratio": median(deep) / median(first),
        "permission_overhead_ratio": median(with_check) / median(without),
    }


class Caller:
    """Calls the catalog with nothing around it that takes time."""

    def __init__(self, channel: grpc.aio.Channel, api_key: str) -> None:
        self._stub: ImageServiceAsyncStub = ImageServiceStub(channel)
        self._metadata = ((AUTHORIZATION, f"Bearer {api_key}"),)

    async def look_up(self, project_id: str, sha256: str) -> image_pb2.Image:
        request = image_service_pb2.LookupImageRequest(project_id=project_id, sha256=sha256)
        return await self._stub.LookupImage(request, metadata=self._metadata, timeout=PATIENCE_S)

    async def look_up_all(
        self, project_id: str, sha256s: Sequence[str]
    ) -> image_service_pb2.LookupImagesResponse:
        request = image_service_pb2.LookupImagesRequest(project_id=project_id, sha256s=sha256s)
        return await self._stub.LookupImages(request, metadata=self._metadata, timeout=PATIENCE_S)

    async def list(
        self, request: image_service_pb2.ListImagesRequest
    ) -> image_service_pb2.ListImagesResponse:
        return await self._stub.ListImages(request, metadata=self._metadata, timeout=PATIENCE_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookups:
    """How fast single hashes were looked up."""

    per_s: float
    """Median of the rounds."""
    cpu_us: float
    """Of the catalog process for one call, in microseconds; median of the rounds."""
    ms: float
    ms_p90: float


async def _look_up_singly(stack: LiveStack, seeded: Seeded) -> Lookups:
    """Have several processes look up hashes that are known, many at once, round by round."""
    catalog = psutil.Process(stack.pid("catalog"))
    rates: list[float] = []
    costs: list[float] = []
    waits: list[float] = []
    loop = asyncio.get_running_loop()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(CALLER_PROCESSES, mp_context=spawn) as pool:
        for number in range(ROUNDS + 1):
            before = _cpu_s(catalog)
            answers = await asyncio.gather(
                *(
                    loop.run_in_executor(
                        pool,
                        look_up_for_a_while,
                        stack.targets()["catalog"],
                        stack.api_key,
                        seeded.project_id,
                        number * CALLER_PROCESSES + caller,
                    )
                    for caller in range(CALLER_PROCESSES)
                )
            )
            if number > 0:  # the first round is for warming up
                calls = sum(map(len, answers))
                rates.append(calls / ROUND_S)
                costs.append(1e6 * (_cpu_s(catalog) - before) / calls)
                waits += [wait for answer in answers for wait in answer]
    wait, tail = median_and_tail(waits, 90)
    return Lookups(per_s=median(rates), cpu_us=median(costs), ms=wait, ms_p90=tail)


def look_up_for_a_while(target: str, api_key: str, project_id: str, number: int) -> list[float]:
    """Look up known hashes in a process of its own; return the milliseconds of every call."""
    return asyncio.run(_look_up_for_a_while(target, api_key, project_id, number))


async def _look_up_for_a_while(
    target: str, api_key: str, project_id: str, number: int
) -> list[float]:
    chance = random.Random(number)
    waits: list[float] = []
    async with grpc.aio.insecure_channel(target) as channel:
        caller = Caller(channel, api_key)

        async def call() -> None:
            sha256 = known_hash(chance.randrange(PICTURES)).hex()
            found = await caller.look_up(project_id, sha256)
            assert found.sha256 == sha256

        async def keep_calling(until: float) -> None:
            while (began := time.perf_counter()) < until:
                await call()
                waits.append(1000 * (time.perf_counter() - began))

        await call()  # connects
        until = time.perf_counter() + ROUND_S
        async with asyncio.TaskGroup() as group:
            for _ in range(CALLS_AT_ONCE):
                group.create_task(keep_calling(until))
    return waits


async def _look_up_batches(caller: Caller, seeded: Seeded) -> list[float]:
    """Return the milliseconds of each lookup of many hashes, most of them known."""
    chance = random.Random(0)
    waits = []
    for _ in range(BATCHES + 1):
        sha256s = [known_hash(chance.randrange(PICTURES)).hex() for _ in range(KNOWN_OF_BATCH)]
        sha256s += [chance.randbytes(32).hex() for _ in range(BATCH - KNOWN_OF_BATCH)]
        began = time.perf_counter()
        answer = await caller.look_up_all(seeded.project_id, sha256s)
        waits.append(1000 * (time.perf_counter() - began))
        assert len(answer.unknown_sha256s) == BATCH - KNOWN_OF_BATCH
    return waits[1:]


async def _pages(
    caller: Caller, stack: LiveStack, seeded: Seeded
) -> tuple[list[float], list[float]]:
    """Return the milliseconds of the first page and of one behind all but the last, in turn."""
    first = image_service_pb2.ListImagesRequest(project_id=seeded.project_id)
    deep = image_service_pb2.ListImagesRequest(project_id=seeded.project_id)
    # As the page before it would have ended, without reading a million pictures to get there.
    pager = Pager(stack.secret("service.catalog").encode())
    scope = ("ListImages", seeded.team_id, list_scope(first))
    deep.page_token = pager.close(
        pager.open(page_size=1, page_token="", scope=scope),
        [seeded.deepest, seeded.deepest],
        cursor=lambda position: position,
    ).next_page_token
    waits: tuple[list[float], list[float]] = ([], [])
    for _ in range(PAGES + 1):
        for request, taken in zip((first, deep), waits, strict=True):
            began = time.perf_counter()
            page = await caller.list(request)
            taken.append(1000 * (time.perf_counter() - began))
            assert len(page.images) == 50
    return waits[0][1:], waits[1][1:]


async def _fetches(stack: LiveStack, seeded: Seeded) -> tuple[list[float], list[float]]:
    """Return the milliseconds of what `GetImage` asks of the database, with and without the check.

    In turn, by the catalog's own role and under row-level security, for somebody whose grants are
    on single projects.
    """
    on = Reach(
        project_ids=(*(new_id(ProjectId) for _ in range(GRANTS - 1)), ProjectId(seeded.project_id))
    )
    access = Access(
        team_id=TeamId(seeded.team_id),
        caller="bench",
        permission=Permission.IMAGE_READ,
        allowed=on,
        visible=on,
    )
    dsn = login_dsn(_admin_dsn(stack), service="catalog", password=stack.secret("postgres.catalog"))
    settings = PostgresSettings(dsn=SecretStr(dsn), pool_min=1, pool_max=1)
    chance = random.Random(0)
    waits: tuple[list[float], list[float]] = ([], [])
    async with (
        Database(settings, schema="catalog", application_name="bench") as database,
        database.transaction(team=access.team_id) as conn,
    ):
        for number in range(FETCHES):
            image_id = ImageId(chance.choice(seeded.image_ids))
            # Whoever is first finds nothing in any cache, so they take turns in that too.
            for which in (0, 1) if number % 2 else (1, 0):
                began = time.perf_counter()
                await (images.fetch, _fetch_unchecked)[which](conn, access, image_id)
                waits[which].append(1000 * (time.perf_counter() - began))
    return waits


async def _fetch_unchecked(
    conn: AsyncConnection[TupleRow], access: Access, image_id: ImageId
) -> object:
    """Fetch as `picstore_catalog.repo.image.fetch` does, whoever asks."""
    return await fetch_one(
        conn,
        stored,
        _UNCHECKED,
        {"id": image_id},
        access=access,
        resource=images.resource(image_id),
    )


def _admin_dsn(stack: LiveStack) -> str:
    port = json.loads((stack.data_dir / "state.json").read_text())["ports"]["postgres"]
    return f"postgresql://postgres:{stack.secret('postgres')}@127.0.0.1:{port}/picstore"


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _cells(samples: Sequence[float]) -> tuple[str, str]:
    middle, tail = median_and_tail(samples, 90)
    return f"{middle:.2f}", f"{tail:.2f}"
