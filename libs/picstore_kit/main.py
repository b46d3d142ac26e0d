"""The command line that every service has: `--help`, `--version`, `--print-settings`, or serve."""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib import metadata
from typing import TypeVar

from picstore_kit.allocator import return_freed_memory
from picstore_kit.lifecycle import Lifecycle, run
from picstore_kit.log import configure_logging
from picstore_kit.settings import (
    ServiceSettings,
    SettingsError,
    describe_settings,
    load,
    print_settings,
)
from picstore_kit.telemetry import telemetry

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def service_main(
    service: str,
    kind: type[SettingsT],
    build: Callable[[SettingsT, Lifecycle], Awaitable[None]],
    argv: Sequence[str] | None = None,
) -> int:
    """Run `service` (such as `catalog`) as its command line asks; return the exit code.

    Settings of `kind` are read from the environment and handed to `build`, which enters every
    component. Exit code 2 means that the command line or the settings are wrong.
    """
    arguments = _parser(service, kind).parse_args(argv)
    try:
        settings = load(kind)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if arguments.print_settings:
        print_settings(settings)
        return 0
    return_freed_memory()
    configure_logging(service, settings.telemetry)

    async def build_observed(lifecycle: Lifecycle) -> None:
        await lifecycle.enter(telemetry(service, settings.telemetry))
        await build(settings, lifecycle)
        # What a service is made of stays until its end: the collector need not look at it again
        # and again, which took some percent of every call.
        gc.collect()
        gc.freeze()

    return asyncio.run(run(service, build_observed, drain_delay_s=settings.drain_delay_s))


def _parser(service: str, kind: type[ServiceSettings]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"picstore-{service}",
        description=f"Serve Pic Store's {service}. Everything is set by environment variables.",
        epilog="variables:\n" + describe_settings(kind),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--print-settings", action="store_true", help="print the settings, secrets masked, and exit"
    )
    parser.add_argument("--version", action="version", version=_version())
    return parser


def _version() -> str:
    try:
        return metadata.version("picstore")
    except metadata.PackageNotFoundError:
        return "unknown (not installed)"
