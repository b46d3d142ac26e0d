"""From the contract's messages to sessions, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1 import upload_pb2
from picstore_kit.errors import InvalidField
from picstore_kit.ids import ImageId, ProjectId, UploadId, parse_id
from picstore_kit.violations import all_at_once
from picstore_upload.mapping import on_duplicate_from, on_duplicate_to
from picstore_upload.model import Chunk, End, UploadHeader
from picstore_upload.sessions.create import NewUpload
from picstore_upload.sessions.model import (
    MAX_CONCAT,
    MAX_NOTE,
    DeclaredChecksum,
    Method,
    Session,
    State,
)
from picstore_upload.sessions.signing import SignedRequest
from picstore_upload.sessions.write import Writing

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MEDIA_TYPE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z/;= -]{0,255}")
_METHOD: Final = "METHOD_"
_STATE: Final = "STATE_"


def new_upload_from(upload: upload_pb2.Upload) -> NewUpload:
    """Read what somebody wants to upload.

    Raises:
        InvalidFields: It names each that is wrong by itself, or together with another.
    """
    method = _method_from(upload.method)
    size = upload.size_bytes if upload.HasField("size_bytes") else None
    with all_at_once() as wrong:
        wrong.id(ProjectId, upload.project_id, "upload.project_id")
        if upload.image_id:
            wrong.id(ImageId, upload.image_id, "upload.image_id")
            for field in ("upload_profile", "location"):
                if getattr(upload, field):
                    wrong.add(f"upload.{field}", "must not be given beside image_id")
        if upload.sha256 and not _SHA256.fullmatch(upload.sha256.lower()):
            wrong.add("upload.sha256", "must be 64 hexadecimal digits")
        if not _MEDIA_TYPE.fullmatch(upload.content_type):
            wrong.add("upload.content_type", "must be a media type")
        if len(upload.note) > MAX_NOTE or "\0" in upload.note:
            wrong.add("upload.note", f"must have at most {MAX_NOTE} characters, and no NUL")
        if size is not None and size < 0:
            wrong.add("upload.size_bytes", "must not be negative")
        if size is None and method in (Method.PUT, Method.MULTIPART):
            wrong.add("upload.size_bytes", f"must be given for the method {method}")
        if (upload.partial or upload.concat_upload_ids) and method is not Method.RESUMABLE:
            wrong.add("upload.method", "must be RESUMABLE for partial uploads and what joins them")
        if upload.partial and upload.concat_upload_ids:
            wrong.add("upload.partial", "must not be set where uploads are joined")
        if len(upload.concat_upload_ids) > MAX_CONCAT:
            wrong.add("upload.concat_upload_ids", f"must be at most {MAX_CONCAT}")
        for upload_id in upload.concat_upload_ids:
            wrong.id(UploadId, upload_id, "upload.concat_upload_ids")
    return NewUpload(
        header=UploadHeader(
            project_id=upload.project_id,
            image_id=upload.image_id,
            upload_profile=upload.upload_profile,
            filename=upload.filename,
            alt_text=upload.alt_text,
            location=upload.location,
            content_type=upload.content_type,
            size_bytes=size,
            on_duplicate=on_duplicate_from(upload.on_duplicate, field="upload.on_duplicate"),
        ),
        method=method,
        sha256=upload.sha256.lower(),
        note=upload.note,
        partial=upload.partial,
        concat=tuple(
            parse_id(UploadId, upload_id, field="upload.concat_upload_ids")
            for upload_id in upload.concat_upload_ids
        ),
    )


def writing_from(header: upload_pb2.WriteUploadHeader) -> Writing:
    """Read what one call wants to write.

    Raises:
        InvalidField: The id, the offset or the checksum is none.
    """
    if header.write_offset < 0:
        raise InvalidField("header.write_offset", "must not be negative")
    return Writing(
        upload_id=parse_id(UploadId, header.upload_id, field="header.upload_id"),
        offset=header.write_offset,
        checksum=DeclaredChecksum(header.checksum) if header.checksum else None,
        finish_when_whole=header.finish_when_whole,
        size_bytes=header.size_bytes if header.HasField("size_bytes") else None,
    )


def written_from(message: upload_pb2.WriteUploadRequest) -> Chunk | End:
    """Read a message that follows the header.

    Raises:
        InvalidField: It is another header, or empty.
    """
    match message.WhichOneof("message"):
        case "chunk":
            chunk = message.chunk
            return Chunk(
                offset=chunk.offset,
                data=chunk.data,
                crc32c=chunk.crc32c if chunk.HasField("crc32c") else None,
            )
        case "finish":
            return End(sha256=sha256_from(message.finish.sha256, field="finish.sha256"))
        case _:
            raise InvalidField("message", "must be a chunk or a finish once the header has come")


def sha256_from(text: str, *, field: str) -> str:
    """Read a digest that may be left out.

    Raises:
        InvalidField: It is none.
    """
    if text and not _SHA256.fullmatch(text.lower()):
        raise InvalidField(field, "must be 64 hexadecimal digits")
    return text.lower()


def upload_message(
    session: Session, *, requests: Iterable[SignedRequest] = (), image: Image | None = None
) -> upload_pb2.Upload:
    """Write an upload for callers."""
    header = session.header
    message = upload_pb2.Upload(
        id=session.id,
        project_id=session.project_id,
        image_id=header.image_id,
        upload_profile=header.upload_profile,
        filename=header.filename,
        alt_text=header.alt_text,
        location=header.location,
        content_type=header.content_type,
        size_bytes=session.size_bytes,
        sha256=session.sha256,
        on_duplicate=on_duplicate_to(header.on_duplicate),
        method=upload_pb2.Upload.Method.Value(f"{_METHOD}{session.method.value}"),
        partial=session.partial,
        concat_upload_ids=session.concat,
        note=session.note,
        state=upload_pb2.Upload.State.Value(f"{_STATE}{session.state.value}"),
        persisted_size=session.persisted_size,
        requests=_requests(list(requests)),
        failure_reason=session.failure_reason,
        failure_message=session.failure_message,
    )
    message.create_time.FromDatetime(session.created_at)
    message.expire_time.FromDatetime(session.expires_at)
    if session.state is State.COMPLETED and not session.partial:
        message.image.CopyFrom(image or Image.FromString(session.result or b""))
    return message


def _requests(signed: Sequence[SignedRequest]) -> list[upload_pb2.PresignedRequest]:
    messages = []
    for one in signed:
        message = upload_pb2.PresignedRequest(
            method=one.request.method,
            url=one.request.url,
            headers=one.request.headers,
            fields=one.request.fields,
            part_number=one.part_number,
            offset=one.offset,
            size_bytes=one.size,
        )
        message.expire_time.FromDatetime(one.expire_time)
        messages.append(message)
    return messages


def _method_from(value: upload_pb2.Upload.Method.ValueType) -> Method:
    if value == upload_pb2.Upload.METHOD_UNSPECIFIED:
        return Method.RESUMABLE
    if value not in upload_pb2.Upload.Method.values():
        raise InvalidField("upload.method", "is not known")
    return Method(upload_pb2.Upload.Method.Name(value).removeprefix(_METHOD))
