"""From the contract's messages of imports to the model, and back."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from picstore.upload.v1 import import_pb2
from picstore_kit.errors import InvalidField, InvalidFields
from picstore_kit.ids import ImportJobId, LocationId, ProjectId, TeamId, new_id
from picstore_kit.net.urls import url_fault
from picstore_kit.rpc.auth import Principal, principal_to_proto
from picstore_kit.violations import Violations, all_at_once
from picstore_upload.imports.model import (
    Item,
    ItemState,
    Job,
    Kind,
    NewJob,
    Source,
    prefix_fault,
)
from picstore_upload.mapping import on_duplicate_from, on_duplicate_to
from picstore_upload.model import OnDuplicate, UploadHeader

MAX_REQUEST_ID: Final = 128
_MAX_NAME: Final = 200
"""Of an upload profile's id or short name; there is none that is longer."""
_MAX_ALT_TEXT: Final = 2000
"""What is longer is no text for a page; the catalog has the last word."""

_FIELD: Final = "import_job"


def new_job(
    request: import_pb2.CreateImportJobRequest, principal: Principal, team_id: TeamId
) -> NewJob:
    """Read what is to be imported, and for whom.

    Raises:
        InvalidFields: It names everything that is wrong.
    """
    message = request.import_job
    with all_at_once() as violations:
        project_id = violations.id(ProjectId, message.project_id, f"{_FIELD}.project_id")
        source = _source(message, violations)
        if len(message.upload_profile) > _MAX_NAME:
            violations.add(f"{_FIELD}.upload_profile", "must be an id or a short name")
        on_duplicate = _on_duplicate(message, violations)
        request_id = request.request_id
        if len(request_id) > MAX_REQUEST_ID or not request_id.isprintable():
            violations.add("request_id", f"must be at most {MAX_REQUEST_ID} printable characters")
    caller = principal.user_id or principal.service or ""
    return NewJob(
        id=new_id(ImportJobId),
        team_id=team_id,
        project_id=project_id,
        upload_profile=message.upload_profile,
        location=message.location,
        on_duplicate=on_duplicate,
        source=source,
        principal=principal_to_proto(principal).SerializeToString(),
        credential_id=principal.key_id or principal.session_id or "",
        request_key=f"{caller} {request_id}" if request_id else None,
        request_hash=hashlib.sha256(message.SerializeToString(deterministic=True)).digest(),
    )


def header_of(new: NewJob) -> UploadHeader:
    """Return the header by which the catalog says whether such pictures may come."""
    return UploadHeader(
        project_id=new.project_id,
        upload_profile=new.upload_profile,
        filename=new.source.filename,
        location=new.location,
    )


def job_message(job: Job) -> import_pb2.ImportJob:
    """Show a job."""
    message = import_pb2.ImportJob(
        id=job.id,
        project_id=job.project_id,
        upload_profile=job.upload_profile,
        location=job.location,
        on_duplicate=on_duplicate_to(OnDuplicate(job.on_duplicate)),
        state=import_pb2.ImportJob.State.Value(f"STATE_{job.state.name}"),
        item_count=job.item_count,
        imported_count=job.imported_count,
        duplicate_count=job.duplicate_count,
        refused_count=job.refused_count,
        failed_count=job.failed_count,
        received_bytes=job.received_bytes,
        total_bytes=job.total_bytes,
        listed=job.listed,
        failure_reason=job.failure_reason,
        failure_message=job.failure_message,
        create_time=_time(job.created_at),
        end_time=_time(job.ended_at) if job.ended_at else None,
    )
    match job.kind:
        case Kind.URL:
            message.url.url = job.url
            message.url.filename = job.filename
            message.url.alt_text = job.alt_text
        case Kind.BUCKET:
            message.bucket.storage_location_id = job.bucket_location_id
            message.bucket.prefix = job.bucket_prefix
    return message


def item_message(item: Item) -> import_pb2.ImportItem:
    """Show an item."""
    return import_pb2.ImportItem(
        number=item.number,
        source=item.source,
        state=import_pb2.ImportItem.State.Value(f"STATE_{item.state.name}"),
        image_id=item.image_id,
        reason=item.reason,
        message=item.message,
        received_bytes=item.received_bytes,
        total_bytes=item.total_bytes,
        attempts=item.attempts,
    )


def item_state_from(state: import_pb2.ImportItem.State.ValueType) -> ItemState | None:
    """Read the state that items are asked for; None for all.

    Raises:
        InvalidField: There is no such state.
    """
    if state == import_pb2.ImportItem.STATE_UNSPECIFIED:
        return None
    if state not in import_pb2.ImportItem.State.values():
        raise InvalidField("state", "must be one of those in the contract")
    return ItemState[import_pb2.ImportItem.State.Name(state).removeprefix("STATE_")]


def _on_duplicate(message: import_pb2.ImportJob, violations: Violations) -> OnDuplicate:
    try:
        return on_duplicate_from(message.on_duplicate, field="on_duplicate")
    except InvalidFields as error:
        violations.extend(_FIELD, error)
        return OnDuplicate.RETURN_EXISTING


def _source(message: import_pb2.ImportJob, violations: Violations) -> Source:
    match message.WhichOneof("source"):
        case "url":
            url = message.url
            violations.add(f"{_FIELD}.url.url", url_fault(url.url))
            if len(url.alt_text) > _MAX_ALT_TEXT:
                violations.add(
                    f"{_FIELD}.url.alt_text", f"must have at most {_MAX_ALT_TEXT} characters"
                )
            return Source(kind=Kind.URL, url=url.url, filename=url.filename, alt_text=url.alt_text)
        case "bucket":
            bucket = message.bucket
            violations.add(f"{_FIELD}.bucket.prefix", prefix_fault(bucket.prefix))
            location_id = violations.id(
                LocationId, bucket.storage_location_id, f"{_FIELD}.bucket.storage_location_id"
            )
            return Source(kind=Kind.BUCKET, location_id=location_id, prefix=bucket.prefix)
        case _:
            violations.add(_FIELD, "must say where the pictures are: url or bucket")
            return Source(kind=Kind.URL)


def _time(time: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp
