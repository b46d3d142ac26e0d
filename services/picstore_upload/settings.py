"""What the upload service can be told from outside."""

from __future__ import annotations

from pathlib import Path

from pydantic import PositiveFloat, PositiveInt

from picstore_kit.settings import (
    EgressSettings,
    NATSSettings,
    PostgresSettings,
    ServiceIdentitySettings,
    ServiceSettings,
    SettingsGroup,
    TargetsSettings,
)
from picstore_upload.imports.settings import ImportSettings


class IngestSettings(SettingsGroup):
    """How much is taken in, and what a picture may measure."""

    spool_dir: Path | None = None
    """Where files are while they come in, in a directory that every process makes for itself; it
    needs room for `max_uploads` of them. Unset is the system's temporary directory."""
    max_uploads: PositiveInt = 256
    """Uploads at once; more are refused, to be tried again."""
    stall_s: PositiveFloat = 60
    """Seconds without a byte after which an upload is given up."""
    upload_ttl_s: PositiveFloat = 24 * 3600
    """Seconds after which an upload that can be resumed, or that goes to the store directly, ends
    unless it is complete."""
    presign_ttl_s: PositiveInt = 900
    """Seconds for which presigned requests are good."""
    sweep_interval_s: PositiveFloat = 30
    """Seconds between two looks for what dead uploads left behind."""
    max_bytes: PositiveInt = 100_000_000
    """Length of the largest file; a project may have less."""
    max_pixels: PositiveInt = 100_000_000
    """Pixels of the largest picture, summed over its frames; a project may have less."""
    max_pixels_whole_decode: PositiveInt = 50_000_000
    """The same where a decoder has to hold the whole picture: WebP, AVIF, GIF, HEIC, TIFF,
    progressive JPEG, interlaced PNG."""
    allow_svg: bool = False
    """Take SVG drawings, without scripts and references to other files. They are parsed by far more
    code than pictures are."""


class FaultSettings(SettingsGroup):
    """For tests of what a crash leaves behind."""

    dir: Path | None = None
    """Where places to die at are armed; unset everywhere but in such tests."""


class ProbeSettings(SettingsGroup):
    """The sandboxed children that read the headers of files."""

    children: PositiveInt = 2
    """Headers read at once."""
    memory_bytes: PositiveInt = 1024**3
    """Address space of one child, beside that of the file that it looks at."""
    wall_s: PositiveFloat = 10
    """Seconds after which a header is given up."""
    require_sandbox: bool = False
    """Refuse to start where a layer of the children's sandbox is not to be had; the log says which
    are."""


class UploadSettings(ServiceSettings):
    """Everything that the upload service can be told."""

    identity: ServiceIdentitySettings
    """Who the service is to the others."""
    postgres: PostgresSettings
    """The journal of uploads."""
    nats: NATSSettings = NATSSettings()
    """Where revoked keys are heard of."""
    targets: TargetsSettings = TargetsSettings()
    """Where auth and the catalog are."""
    egress: EgressSettings = EgressSettings()
    """Where the storage locations of teams may be."""
    ingest: IngestSettings = IngestSettings()
    """How much is taken in."""
    probe: ProbeSettings = ProbeSettings()
    """The children that read headers."""
    imports: ImportSettings = ImportSettings()
    """Pictures that are fetched."""
    faults: FaultSettings = FaultSettings()
    """Places at which the process dies in tests."""
