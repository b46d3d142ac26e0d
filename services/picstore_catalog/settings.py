"""What the catalog can be told from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, PositiveFloat

from picstore_kit.settings import (
    EgressSettings,
    NATSSettings,
    PostgresSettings,
    SealingSettings,
    ServiceIdentitySettings,
    ServiceSettings,
    TargetsSettings,
)


def _absolute(path: Path) -> Path:
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError("must be absolute, without `..`")
    return path


class CatalogSettings(ServiceSettings):
    """The catalog's settings."""

    postgres: PostgresSettings
    """The catalog's database."""
    nats: NATSSettings = NATSSettings()
    """Where jobs and events go."""
    identity: ServiceIdentitySettings
    """Who the catalog is to auth."""
    targets: TargetsSettings = TargetsSettings()
    """Where auth is."""
    sealing: SealingSettings
    """Keys for the secrets of storage locations."""
    egress: EgressSettings = EgressSettings()
    """Where the storage locations of teams may be; upload and converter need the same."""
    allowed_local_roots: tuple[Annotated[Path, AfterValidator(_absolute)], ...] = ()
    """JSON list of directories under which `local` storage locations may lie; none by default.
    Those of a team lie in the subdirectory that has the team's id for its name."""
    sweep_interval_s: PositiveFloat = 30
    """Seconds between looks for lost jobs, and the time that a queued one has to find a worker."""
