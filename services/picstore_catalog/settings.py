"""What the catalog can be told from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, NonNegativeInt, PositiveFloat, PositiveInt

from picstore_kit.settings import (
    EgressSettings,
    NATSSettings,
    PostgresSettings,
    SealingSettings,
    ServiceIdentitySettings,
    ServiceSettings,
    SettingsGroup,
    TargetsSettings,
)


def _absolute(path: Path) -> Path:
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError("must be absolute, without `..`")
    return path


class WatchSettings(SettingsGroup):
    """Watching pictures, and waiting for them."""

    poll_s: PositiveFloat = 5
    """Seconds between looks at watched pictures while the bus says nothing, or is gone; also the
    time after which a stream ends whose caller has lost the permission."""
    heartbeat_s: PositiveFloat = 15
    """Seconds after which a stream says that it is alive, if there is nothing else to say."""
    max_duration_s: PositiveFloat = 840
    """Seconds after which a stream ends, and its caller has to ask again. It ends before
    PICSTORE_RPC__STREAM_DEADLINE_S in any case."""
    max_watchers: PositiveInt = 1000
    """Callers who watch or wait at once; more are refused with OVERLOADED."""
    max_waits: NonNegativeInt = 256
    """Of them, those who wait in a plain call, which has a place among
    PICSTORE_RPC__MAX_CONCURRENT_RPCS."""
    max_looks: PositiveInt = 4
    """Watchers who look at once, each with a connection; below PICSTORE_POSTGRES__POOL_MAX."""


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
    watch: WatchSettings = WatchSettings()
    """Watching pictures, and waiting for them."""
