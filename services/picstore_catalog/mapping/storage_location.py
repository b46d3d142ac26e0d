"""Storage locations on the wire. Their secrets go in, and out only to services (`with_secret`)."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from picstore.catalog.v1 import storage_location_pb2
from picstore_catalog.mapping.timestamps import timestamp
from picstore_catalog.model.names import (
    directory_fault,
    display_name_fault,
    normalised_path,
    path_fault,
    short_name_fault,
    url_fault,
)
from picstore_catalog.model.storage_location import (
    GivenBucket,
    GivenLocation,
    GivenProvider,
    LocalDirectory,
    S3Bucket,
    StorageLocation,
    bucket_fault,
    cache_control_fault,
    credential_fault,
    region_fault,
)
from picstore_catalog.model.storage_test import Outcome, Report
from picstore_catalog.model.stored import Stored
from picstore_kit.ids import ProjectId, TeamId
from picstore_kit.net.egress import EgressPolicy
from picstore_kit.violations import Violations

_PATH: Final = "storage_location"
_ALL: Final = "*"
_S3: Final = frozenset(
    f"s3.{name}"
    for name in ("endpoint", "region", "bucket", "prefix", "access_key_id", "secret_access_key")
)
_LOCAL: Final = frozenset({"local.directory"})
_PLAIN: Final = frozenset({"display_name", "public_base_url", "cache_control"})
_WIRE_OUTCOMES: Final = {
    Outcome.PASSED: storage_location_pb2.StorageTestStep.OUTCOME_PASSED,
    Outcome.FAILED: storage_location_pb2.StorageTestStep.OUTCOME_FAILED,
    Outcome.SKIPPED: storage_location_pb2.StorageTestStep.OUTCOME_SKIPPED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamRules:
    """Where the locations that a team sets up itself may be."""

    egress: EgressPolicy
    local_roots: tuple[PurePosixPath, ...]

    def roots_of(self, team_id: TeamId) -> tuple[PurePosixPath, ...]:
        """Return the directories under which a team's may lie: no two teams share one."""
        return tuple(root / team_id for root in self.local_roots)


def location_message(stored: Stored[StorageLocation]) -> storage_location_pb2.StorageLocation:
    """Return a location as callers see it, without its secret."""
    location = stored.value
    message = storage_location_pb2.StorageLocation(
        id=location.id,
        project_id=location.project_id or "",
        short_name=location.short_name,
        display_name=location.display_name,
        public_base_url=location.public_base_url,
        cache_control=location.cache_control,
        operator_managed=location.operator_managed,
        etag=stored.etag,
        create_time=timestamp(stored.created_at),
        update_time=timestamp(stored.updated_at),
    )
    _describe_provider(location, message)
    return message


def with_secret(
    message: storage_location_pb2.StorageLocation, secret: str
) -> storage_location_pb2.StorageLocation:
    """Add the secret access key, where there is one, for a service that opens the store."""
    if secret:
        message.s3.secret_access_key = secret
    return message


def new_location(
    message: storage_location_pb2.StorageLocation,
    violations: Violations,
    *,
    team_id: TeamId,
    rules: TeamRules,
) -> GivenLocation:
    """Read a location that a team wants to set up."""
    given = _read(message, violations, team_id=team_id, rules=rules)
    violations.add(f"{_PATH}.short_name", short_name_fault(message.short_name))
    if isinstance(given.provider, GivenBucket) and not given.provider.secret_access_key:
        violations.add(f"{_PATH}.s3.secret_access_key", "must be given")
    return given


def masked_paths(
    mask: FieldMask, message: storage_location_pb2.StorageLocation, violations: Violations
) -> AbstractSet[str]:
    """Return the fields that an update changes, those of the provider as `s3.bucket`.

    An empty mask means those that are set, `*` all of what the message has. What no update changes
    is noted as wrong.
    """
    kind = message.WhichOneof("provider")
    fields = {"s3": _S3, "local": _LOCAL}
    if not mask.paths:
        nested: Message = message.local if kind == "local" else message.s3
        return (_PLAIN & _set_fields(message)) | {
            f"{kind}.{name}" for name in _set_fields(nested) if kind
        }
    paths: set[str] = set()
    for path in mask.paths:
        if path == _ALL:
            paths |= _PLAIN | (fields[kind] if kind else frozenset())
        elif path in fields:
            paths |= fields[path]
        elif path in _PLAIN | _S3 | _LOCAL:
            paths.add(path)
        else:
            choice = ", ".join(sorted(_PLAIN | _S3 | _LOCAL | {"local", "s3"}))
            violations.add("update_mask", f"names {path}; it can name {choice}")
    return paths


def changed_location(
    kept: StorageLocation,
    message: storage_location_pb2.StorageLocation,
    paths: AbstractSet[str],
    violations: Violations,
    *,
    team_id: TeamId,
    rules: TeamRules,
) -> GivenLocation:
    """Take the fields of `paths` from the message of an update, and the others as they are."""
    merged = _described(kept)
    kind = merged.WhichOneof("provider")
    for path in sorted(paths):
        place, _, name = path.rpartition(".")
        if place in ("", kind):
            source: Message = getattr(message, place) if place else message
            target: Message = getattr(merged, place) if place else merged
            setattr(target, name, getattr(source, name))
        else:
            violations.add(f"{_PATH}.{path}", f"is not for a location of the kind {kind}")
    given = _read(merged, violations, team_id=team_id, rules=rules)
    if isinstance(kept.provider, S3Bucket) and isinstance(given.provider, GivenBucket):
        other = given.provider.access_key_id != kept.provider.access_key_id
        if other and not given.provider.secret_access_key:
            field = f"{_PATH}.s3.secret_access_key"
            violations.add(field, "must be given with a new access_key_id")
    return given


def read_provider(
    message: storage_location_pb2.StorageLocation,
    violations: Violations,
    path: str,
    local_roots: tuple[PurePosixPath, ...],
) -> GivenProvider:
    """Read where a location is; a directory may lie under `local_roots`."""
    if message.WhichOneof("provider") == "local":
        directory = message.local.directory
        violations.add(f"{path}.local.directory", directory_fault(directory, local_roots))
        return LocalDirectory(directory=str(PurePosixPath(directory)))
    return _bucket(message.s3, violations, f"{path}.s3")


def read_public(
    message: storage_location_pb2.StorageLocation, violations: Violations, path: str
) -> tuple[str, str]:
    """Read the public base URL, and the Cache-Control header of what is below it."""
    base_url = message.public_base_url.rstrip("/")
    if base_url:
        violations.add(f"{path}.public_base_url", url_fault(base_url, with_path=True))
    violations.add(f"{path}.cache_control", cache_control_fault(message.cache_control))
    return base_url, message.cache_control


def report_message(report: Report) -> storage_location_pb2.TestStorageLocationResponse:
    """Return what a test has found."""
    return storage_location_pb2.TestStorageLocationResponse(
        passed=report.passed,
        steps=[
            storage_location_pb2.StorageTestStep(
                name=step.name,
                outcome=_WIRE_OUTCOMES[step.outcome],
                message=step.message,
                missing=step.missing,
                duration_ms=step.duration_ms,
            )
            for step in report.steps
        ],
    )


def _read(
    message: storage_location_pb2.StorageLocation,
    violations: Violations,
    *,
    team_id: TeamId,
    rules: TeamRules,
) -> GivenLocation:
    if message.WhichOneof("provider") is None:
        violations.add(_PATH, "must have s3 or local")
    provider = read_provider(message, violations, _PATH, rules.roots_of(team_id))
    base_url, cache_control = read_public(message, violations, _PATH)
    violations.add(f"{_PATH}.display_name", display_name_fault(message.display_name))
    if base_url:
        _check_reachable(base_url, f"{_PATH}.public_base_url", violations, rules.egress)
    if isinstance(provider, GivenBucket):
        _check_reachable(provider.endpoint, f"{_PATH}.s3.endpoint", violations, rules.egress)
        if not provider.access_key_id:
            field = f"{_PATH}.s3.access_key_id"
            violations.add(field, "must be given; ambient credentials are for the operator")
    return GivenLocation(
        project_id=violations.optional_id(ProjectId, message.project_id, f"{_PATH}.project_id"),
        short_name=message.short_name,
        display_name=message.display_name,
        provider=provider,
        public_base_url=base_url,
        cache_control=cache_control,
    )


def _check_reachable(url: str, field: str, violations: Violations, egress: EgressPolicy) -> None:
    if url_fault(url, with_path=True) is None:
        violations.add(field, egress.fault(url))


def _bucket(
    message: storage_location_pb2.S3Provider, violations: Violations, path: str
) -> GivenBucket:
    given = GivenBucket(
        endpoint=message.endpoint.rstrip("/"),
        region=message.region,
        bucket=message.bucket,
        prefix=normalised_path(message.prefix),
        access_key_id=message.access_key_id,
        secret_access_key=message.secret_access_key,
    )
    violations.add(f"{path}.endpoint", url_fault(given.endpoint, with_path=False))
    violations.add(f"{path}.region", region_fault(given.region))
    violations.add(f"{path}.bucket", bucket_fault(given.bucket))
    violations.add(f"{path}.prefix", path_fault(given.prefix))
    if given.access_key_id:
        violations.add(f"{path}.access_key_id", credential_fault(given.access_key_id))
    if given.secret_access_key:
        field = f"{path}.secret_access_key"
        violations.add(field, credential_fault(given.secret_access_key))
        violations.add(field, None if given.access_key_id else "needs an access_key_id")
    return given


def _described(location: StorageLocation) -> storage_location_pb2.StorageLocation:
    message = storage_location_pb2.StorageLocation(
        project_id=location.project_id or "",
        short_name=location.short_name,
        display_name=location.display_name,
        public_base_url=location.public_base_url,
        cache_control=location.cache_control,
    )
    _describe_provider(location, message)
    return message


def _describe_provider(
    location: StorageLocation, message: storage_location_pb2.StorageLocation
) -> None:
    match location.provider:
        case S3Bucket() as s3:
            message.s3.CopyFrom(
                storage_location_pb2.S3Provider(
                    endpoint=s3.endpoint,
                    region=s3.region,
                    bucket=s3.bucket,
                    prefix=s3.prefix,
                    access_key_id=s3.access_key_id,
                )
            )
        case LocalDirectory() as local:
            message.local.CopyFrom(storage_location_pb2.LocalProvider(directory=local.directory))


def _set_fields(message: Message) -> set[str]:
    return {field.name for field, _ in message.ListFields()}
