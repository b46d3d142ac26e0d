"""Storage locations: buckets, or directories of this machine, that objects are kept in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from picstore_kit.ids import LocationId, ProjectId

# Amazon's rules for the names of new buckets; other stores take no more.
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION: Final = re.compile(r"[A-Za-z0-9-]{0,63}")
_CREDENTIAL: Final = re.compile(r"[!-~]{1,256}")
_HEADER_VALUE: Final = re.compile(r"[ -~]{0,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Bucket:
    """A bucket of an S3-compatible store."""

    endpoint: str
    region: str
    """Empty where the store has none."""
    bucket: str
    prefix: str
    """Put before every object key; normalised, may be empty."""
    access_key_id: str
    """Empty for the ambient credentials."""
    sealed_secret: bytes | None
    """The secret access key; there if and only if the access key id is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDirectory:
    """A directory of the machine that all services run on."""

    directory: str


Provider: TypeAlias = S3Bucket | LocalDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageLocation:
    """A storage location."""

    id: LocationId
    project_id: ProjectId | None
    """The only project that may use it; None for all of the team's."""
    short_name: str
    """Unique in the team."""
    display_name: str
    provider: Provider
    public_base_url: str
    """Without a slash at its end; empty where nothing is public."""
    cache_control: str
    """Of outputs; empty for the default."""


def bucket_fault(text: str) -> str | None:
    """Say what is wrong with the name of a bucket, if anything."""
    if _BUCKET.fullmatch(text):
        return None
    return "must be 3 to 63 lower-case letters, digits, dots and hyphens"


def region_fault(text: str) -> str | None:
    """Say what is wrong with a region, which may be empty, if anything."""
    return None if _REGION.fullmatch(text) else "must be a region such as eu-central-1"


def credential_fault(text: str) -> str | None:
    """Say what is wrong with an access key id or a secret access key, if anything."""
    return None if _CREDENTIAL.fullmatch(text) else "must be 1 to 256 visible ASCII characters"


def cache_control_fault(text: str) -> str | None:
    """Say what is wrong with a Cache-Control header, which may be empty, if anything."""
    return None if _HEADER_VALUE.fullmatch(text) else "must be at most 200 ASCII characters"
