"""What a converter can be told from outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from pydantic import (
    DirectoryPath,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
)
from pydantic_settings import NoDecode

from picstore_converter.admission import usual_cpus
from picstore_kit.bus.lanes import Lane
from picstore_kit.sandbox.limits import SandboxLimits
from picstore_kit.settings import (
    EgressSettings,
    NATSSettings,
    ServiceIdentitySettings,
    ServiceSettings,
    SettingsGroup,
    TargetsSettings,
)


class ConversionSettings(SettingsGroup):
    """How much this converter takes on, and what its children may use."""

    children: PositiveInt = Field(default_factory=usual_cpus)
    """Pictures converted at once, each in a process of one thread. Unset is one for each CPU that
    the machine or the container has."""
    express_children: NonNegativeInt = 1
    """How many more may be converted while dear jobs, which can take minutes, have all of these: so
    a picture that somebody waits for begins at once. Each takes 80 MB while it waits."""
    work_dir: Path | None = None
    """Where originals and outputs are while a job runs, in a directory that every process makes for
    itself. Unset is the system's temporary directory."""
    memory_bytes: PositiveInt = 2 * 1024**3
    """Address space of one child; a picture that needs more fails. An AVIF of 50 MP takes 0.8 GiB
    for the usual sizes and 1.3 GiB where AVIF and WebP outputs keep its own size."""
    memory_budget_bytes: PositiveInt | None = None
    """What all children together are expected to take at most, by the headers of their pictures; a
    job waits for its share. Unset is three quarters of what the machine or the container has."""
    cpu_s: PositiveInt = 600
    """CPU seconds that one child may use for one job."""
    wall_s: PositiveFloat = 600
    """Seconds after which a job is given up."""
    max_calls: PositiveInt = 200
    """Jobs after which a child is replaced by a fresh one."""
    require_sandbox: bool = False
    """Refuse to start where a layer of the children's sandbox is not to be had; the log says which
    are."""
    fonts_dir: DirectoryPath | None = None
    """TrueType and OpenType fonts for overlays, in this directory and beneath it, beside those that
    come with the converter and those of the system."""
    max_rss_bytes: PositiveInt = 768 * 1024**2
    """Resident memory after a job from which on a child is replaced by a fresh one."""


class ConverterSettings(ServiceSettings):
    """Everything that a converter can be told."""

    identity: ServiceIdentitySettings
    """Who the converter is to the other services."""
    nats: NATSSettings = NATSSettings()
    """Where the jobs come from."""
    targets: TargetsSettings = TargetsSettings()
    """Where auth and the catalog are."""
    egress: EgressSettings = EgressSettings()
    """Where the storage locations of teams may be."""
    lanes: Annotated[tuple[Lane, ...], NoDecode] = tuple(Lane)
    """The lanes to take jobs from, separated by commas, such as `interactive,fast`."""
    conversion: ConversionSettings = ConversionSettings()
    """How much this converter takes on."""

    @property
    def express(self) -> int:
        """How many express slots there are: none where dear and quick jobs do not meet."""
        mixed = len({lane.is_dear for lane in self.lanes}) > 1
        return self.conversion.express_children if mixed else 0

    @field_validator("lanes", mode="before")
    @classmethod
    def _split(cls, lanes: object) -> object:
        if not isinstance(lanes, str):
            return lanes
        # As a person writes them, or as `--print-settings` does.
        return json.loads(lanes) if lanes.startswith("[") else tuple(lanes.split(","))


def limits_of(settings: ConversionSettings) -> SandboxLimits:
    """Return what one child may use."""
    return SandboxLimits(
        memory_bytes=settings.memory_bytes,
        cpu_s=settings.cpu_s,
        wall_s=settings.wall_s,
        max_calls=settings.max_calls,
        max_rss_bytes=settings.max_rss_bytes,
    )
