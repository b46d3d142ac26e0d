"""What can be told about imports from outside."""

from __future__ import annotations

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from picstore_kit.settings import EgressSettings, SettingsGroup


class PictureEgressSettings(EgressSettings):
    """Where teams may have pictures fetched from."""

    allow_http: bool = True
    """Whether public hosts may be reached without TLS: pictures are no secrets."""


class ImportSettings(SettingsGroup):
    """How pictures are fetched from URLs and buckets."""

    egress: PictureEgressSettings = PictureEgressSettings()
    """Where URLs may lead to."""
    workers: PositiveInt = 4
    """Pictures that one process fetches at once; each counts among `ingest.max_uploads`."""
    max_jobs: PositiveInt = 1000
    """Jobs of one team that have not ended."""
    max_items: PositiveInt = 100_000
    """Objects that one job takes from a bucket."""
    max_days: PositiveInt = 7
    """Days that a job may go on for the credential that it was made with."""
    keep_days: NonNegativeInt = 30
    """Days that an ended job and its report are kept."""
    connect_s: PositiveFloat = 3
    """Seconds until a server must have accepted a connection."""
    answer_s: PositiveFloat = 10
    """Seconds until it must have begun to answer."""
    stall_s: PositiveFloat = 20
    """Seconds without a byte after which a download is given up."""
    whole_s: PositiveFloat = 300
    """Seconds that all of a download may take."""
