"""What the embedded stack can be told, read from `PICSTORE_LOCAL__…`."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import PositiveFloat, PositiveInt, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class LocalSettings(BaseSettings):
    """Where the data lives, and which servers this machine already has."""

    model_config = SettingsConfigDict(
        env_prefix="PICSTORE_LOCAL__",
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = Path(".picstore")
    """Directory for everything that the stack keeps."""
    converters: PositiveInt = 1
    """Converter processes."""
    crash_window_s: PositiveFloat = 60
    """A service that dies more than five times within so many seconds is given up."""
    postgres_dsn: SecretStr | None = None
    """Connection string of an administrator of a Postgres to use instead of the embedded one."""
    postgres_fsync: bool = True
    """Whether the embedded one waits for the disk. Without, what it holds may be lost when the
    machine stops, though not when a process does: for tests and what is thrown away."""
    nats_url: SecretStr | None = None
    """URL of a NATS server with JetStream to use instead of the embedded one."""
    s3_endpoint: str | None = None
    """URL of an S3 store to use instead of the embedded one, such as `https://s3.example.org`."""
    s3_access_key: str | None = None
    """Access key for `s3_endpoint`."""
    s3_secret_key: SecretStr | None = None
    """Secret key for `s3_endpoint`."""
    s3_public_url: str | None = None
    """URL below which browsers find the buckets; the endpoint if unset."""
    s3_region: str = "us-east-1"
    """Region that requests to the store are signed for."""
    s3_originals_bucket: str = "picstore-originals"
    """Private bucket; made if it is missing."""
    s3_outputs_bucket: str = "picstore-outputs"
    """Bucket whose objects anyone may read; made, with that rule, if it is missing."""

    @model_validator(mode="after")
    def _s3_is_whole(self) -> Self:
        keys = (self.s3_access_key, self.s3_secret_key)
        if self.s3_endpoint is not None and None in keys:
            raise ValueError("s3_endpoint needs s3_access_key and s3_secret_key beside it")
        return self
