"""The table of services: what each needs, in the order in which they start."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from pathlib import Path
from typing import Final

from picstore_kit.pg.provision import login_dsn

OPERATOR: Final = "operator"
"""The identity of whoever runs the installation; `picstore bootstrap` speaks as it."""


class Need(StrEnum):
    """Something that a service is told by its environment."""

    POSTGRES = auto()
    """Its own schema, role and migrations."""
    NATS = auto()
    IDENTITY = auto()
    """Its name and secret, to get tokens from auth."""
    TARGETS = auto()
    """Where the other services are."""
    SEALING = auto()
    EGRESS = auto()
    """What teams may reach beyond the public internet."""
    SERVICE_SECRETS = auto()
    """The digests of all services' secrets."""


class Serves(StrEnum):
    """What a service serves, and how it says that it is ready."""

    GRPC = auto()
    """By `grpc.health.v1`."""
    HTTP = auto()
    """By 200 on `/healthz`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """One kind of service."""

    name: str
    module: str
    """Run as `python -m`."""
    needs: frozenset[Need]
    work_dir_variable: str | None = None
    """What tells it where its scratch directory is, if it has one."""
    after: tuple[str, ...] = ()
    """Services that must be ready first."""
    serves: Serves = Serves.GRPC
    grace_s: float = 25
    """Seconds to finish what it does before it is killed."""

    @property
    def migrations(self) -> str:
        """Package of its migrations, if it has a schema."""
        return f"{self.module.partition('.')[0]}.migrations"


SERVICES: Final[tuple[ServiceSpec, ...]] = (
    ServiceSpec(
        name="auth",
        module="picstore_auth.main",
        needs=frozenset(
            {Need.POSTGRES, Need.NATS, Need.TARGETS, Need.SEALING, Need.SERVICE_SECRETS}
        ),
    ),
    ServiceSpec(
        name="catalog",
        module="picstore_catalog.main",
        needs=frozenset(
            {
                Need.POSTGRES,
                Need.NATS,
                Need.IDENTITY,
                Need.TARGETS,
                Need.SEALING,
                Need.EGRESS,
            }
        ),
        after=("auth",),
    ),
    ServiceSpec(
        name="upload",
        module="picstore_upload.main",
        needs=frozenset({Need.POSTGRES, Need.NATS, Need.IDENTITY, Need.TARGETS, Need.EGRESS}),
        work_dir_variable="PICSTORE_INGEST__SPOOL_DIR",
        after=("auth",),
    ),
    ServiceSpec(
        name="converter",
        module="picstore_converter.main",
        needs=frozenset({Need.NATS, Need.IDENTITY, Need.TARGETS, Need.EGRESS}),
        work_dir_variable="PICSTORE_CONVERSION__WORK_DIR",
        after=("auth",),
    ),
    ServiceSpec(
        name="gateway",
        module="picstore_gateway.main",
        needs=frozenset({Need.TARGETS}),
        after=("auth",),
        serves=Serves.HTTP,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What environments are made of."""

    database_dsn: str
    """An administrator's, of Pic Store's database."""
    nats_url: str
    s3_host: str
    """`host:port` of the S3 store."""
    targets: Mapping[str, str]
    """gRPC target by service."""
    work_dir: Path
    """Parent of the services' scratch directories."""
    secret: Callable[[str], str]
    """The secret of that name, the same at every start."""
    names: Sequence[str]
    """Every service that may identify itself."""

    def service_secret(self, name: str) -> str:
        """Return the secret that `name` identifies itself with."""
        return self.secret(f"service.{name}")


def environment(
    spec: ServiceSpec, surroundings: Surroundings, *, instance: str, listen: str
) -> dict[str, str]:
    """Return the variables for one process of `spec`, which is to listen on `listen`."""
    around = surroundings
    variables = {"PICSTORE_DRAIN_DELAY_S": "0"}
    variables["PICSTORE_HTTP__LISTEN" if spec.serves is Serves.HTTP else "PICSTORE_RPC__LISTEN"] = (
        listen
    )
    if Need.POSTGRES in spec.needs:
        variables["PICSTORE_POSTGRES__DSN"] = login_dsn(
            around.database_dsn, service=spec.name, password=database_password(spec, around)
        )
    if Need.NATS in spec.needs:
        variables["PICSTORE_NATS__URL"] = around.nats_url
    if Need.IDENTITY in spec.needs:
        variables["PICSTORE_IDENTITY__NAME"] = spec.name
        variables["PICSTORE_IDENTITY__SECRET"] = around.service_secret(spec.name)
    if Need.TARGETS in spec.needs:
        for name, target in around.targets.items():
            variables[f"PICSTORE_TARGETS__{name.upper()}"] = target
    if Need.SEALING in spec.needs:
        key = base64.b64encode(bytes.fromhex(around.secret(f"sealing.{spec.name}")))
        variables["PICSTORE_SEALING__KEYS"] = json.dumps({"local": key.decode()})
        variables["PICSTORE_SEALING__CURRENT"] = "local"
    if Need.EGRESS in spec.needs:
        variables["PICSTORE_EGRESS__ALLOWED"] = json.dumps([around.s3_host])
    if Need.SERVICE_SECRETS in spec.needs:
        variables["PICSTORE_SERVICE_SECRETS"] = json.dumps(
            {
                name: hashlib.sha256(around.service_secret(name).encode()).hexdigest()
                for name in around.names
            }
        )
    if spec.work_dir_variable is not None:
        variables[spec.work_dir_variable] = str(around.work_dir / instance)
    return variables


def database_password(spec: ServiceSpec, surroundings: Surroundings) -> str:
    """Return the password that the service logs in to Postgres with."""
    return surroundings.secret(f"postgres.{spec.name}")


def new_secret() -> str:
    """Return 32 random bytes as hexadecimal digits."""
    return secrets.token_hex(32)
