"""Storage locations: buckets, or directories of this machine, that objects are kept in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from picstore_kit.changes import FieldChange
from picstore_kit.ids import LocationId, ProjectId

DEFAULT_CACHE_CONTROL: Final = "public, max-age=31536000, immutable"
"""Of outputs, whose keys never mean anything else later: a year is as good as for ever."""

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
class GivenBucket:
    """A bucket as somebody describes it who may know its secret."""

    endpoint: str
    region: str
    bucket: str
    prefix: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    """Empty leaves the one that is there."""


GivenProvider: TypeAlias = GivenBucket | LocalDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenLocation:
    """A storage location as a team describes it."""

    project_id: ProjectId | None
    short_name: str
    display_name: str
    provider: GivenProvider
    public_base_url: str
    cache_control: str


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
    operator_managed: bool
    """Whether the operator has set it up, and only the operator changes it."""

    @property
    def sealed_secret(self) -> bytes | None:
        """The secret access key, where there is one."""
        return self.provider.sealed_secret if isinstance(self.provider, S3Bucket) else None

    def has_same_place(self, other: StorageLocation) -> bool:
        """Whether the objects of the one are found by the other."""
        match self.provider, other.provider:
            case S3Bucket() as one, S3Bucket() as two:
                return (one.endpoint, one.bucket, one.prefix) == (
                    two.endpoint,
                    two.bucket,
                    two.prefix,
                )
            case LocalDirectory() as one, LocalDirectory() as two:
                return one.directory == two.directory
            case _:
                return False


def describe_location(location: StorageLocation, names: Mapping[str, str]) -> dict[str, str]:
    """Say in words what can differ between two locations, but not their secrets.

    `names` are short names by id; what is not among them is told by its id.
    """
    project_id = location.project_id or ""
    described = {
        "project_id": names.get(project_id, project_id),
        "display_name": location.display_name,
        "public_base_url": location.public_base_url,
        "cache_control": location.cache_control,
        "operator_managed": "true" if location.operator_managed else "false",
    }
    match location.provider:
        case S3Bucket() as s3:
            described |= {
                "s3.endpoint": s3.endpoint,
                "s3.region": s3.region,
                "s3.bucket": s3.bucket,
                "s3.prefix": s3.prefix,
                "s3.access_key_id": s3.access_key_id,
            }
        case LocalDirectory() as local:
            described["local.directory"] = local.directory
    return described


def describe_secret_change(
    before: StorageLocation | None, after: StorageLocation
) -> tuple[FieldChange, ...]:
    """Say whether the secret is another one, and no more."""
    old, new = before.sealed_secret if before else None, after.sealed_secret
    if old == new:
        return ()
    return (
        FieldChange(
            field="s3.secret_access_key",
            old="(a secret)" if old else "",
            new="(another secret)" if old and new else "(a secret)" if new else "",
        ),
    )


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
