"""`picstore-migrate`: roles, schemas, migrations and streams, as a deployment's own step."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from importlib import resources
from typing import Final

import nats
import nats.errors
import psycopg

from picstore_kit.bus.topology import apply_topology
from picstore_kit.errors import PicstoreError
from picstore_kit.log import configure_logging
from picstore_kit.pg.migrate import MigrationError, migrate
from picstore_kit.pg.provision import provision
from picstore_kit.settings import TelemetrySettings

SERVICES: Final = ("auth", "catalog", "upload")

_EPILOG: Final = """\
environment:
  PICSTORE_ADMIN_DSN            connection string of a role that may create roles and schemas
  PICSTORE_PASSWORD_<SERVICE>   password for the login role picstore_<service>
  PICSTORE_NATS__URL            NATS, for `bus`

examples:
  picstore-migrate provision                 make roles and schemas, where they are missing
  picstore-migrate schemas --phase pre       before new code is rolled out
  picstore-migrate schemas --phase post      after it
  picstore-migrate bus                       declare streams and consumers
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one step; return the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="picstore-migrate",
        description="Prepare the database and the bus for a release.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("provision", help="make roles and schemas")
    schemas = steps.add_parser("schemas", help="apply migrations")
    schemas.add_argument("--phase", choices=("pre", "post", "all"), default="all")
    schemas.add_argument("--service", choices=SERVICES, action="append")
    bus = steps.add_parser("bus", help="declare streams and consumers")
    bus.add_argument("--replicas", type=int, default=1, help="servers that keep each stream")
    arguments = parser.parse_args(argv)
    configure_logging("migrate", TelemetrySettings(log_level="warning"))
    try:
        asyncio.run(_run(arguments))
    except KeyError as error:
        print(f"set the environment variable {error.args[0]}", file=sys.stderr)
        return 2
    except (PicstoreError, MigrationError, nats.errors.Error, psycopg.Error, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    match arguments.step:
        case "provision":
            for service in SERVICES:
                password = os.environ[f"PICSTORE_PASSWORD_{service.upper()}"]
                await provision(
                    os.environ["PICSTORE_ADMIN_DSN"], service=service, password=password
                )
                print(f"{service}: role and schema are there")
        case "schemas":
            for service in arguments.service or SERVICES:
                applied = await migrate(
                    os.environ["PICSTORE_ADMIN_DSN"],
                    service=service,
                    directory=resources.files(f"picstore_{service}").joinpath("migrations"),
                    phase=arguments.phase,
                )
                for migration in applied:
                    print(f"{service}: applied {migration.name} in {migration.took_ms} ms")
                if not applied:
                    print(f"{service}: nothing to apply")
        case "bus":
            url = os.environ["PICSTORE_NATS__URL"]
            connection = await nats.connect(url, allow_reconnect=False)
            try:
                await apply_topology(connection.jetstream(), replicas=arguments.replicas)
            finally:
                await connection.close()
            print("streams and consumers are there")


if __name__ == "__main__":
    sys.exit(main())
