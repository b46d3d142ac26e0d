"""The upload that the headers of a creation ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from picstore.catalog.v1 import image_pb2
from picstore.upload.v1 import upload_pb2
from picstore_gateway.parameters import enum_value, short_names
from picstore_gateway.tus.headers import (
    Concatenation,
    concatenation_of,
    metadata_of,
    number_of,
)
from picstore_gateway.uploads import said_type
from picstore_kit.errors import (
    FieldViolation,
    InvalidArgument,
    InvalidField,
    InvalidFields,
    Reason,
)

_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "project_id": ("project_id", "project"),
    "image_id": ("image_id",),
    "upload_profile": ("upload_profile",),
    "filename": ("filename", "name"),
    "alt_text": ("alt_text",),
    "location": ("location",),
    "content_type": ("filetype", "type"),
    "sha256": ("sha256",),
}
"""The keys of the metadata that stand for each field; the first that is there goes before."""

_PROJECT: Final = "project"
_ON_DUPLICATE: Final = image_pb2.OnDuplicate.DESCRIPTOR


def upload_of(request: Request, *, max_bytes: int) -> upload_pb2.Upload:
    """Return the upload to make.

    Raises:
        InvalidArgument: The headers do not say what they must, or the file is empty or too large.
    """
    text = request.headers.get("upload-metadata", "")
    upload = upload_pb2.Upload(method=upload_pb2.Upload.METHOD_RESUMABLE, note=text)
    _describe(upload, metadata_of(text))
    upload.project_id = upload.project_id or _project_in_query(request)
    if not upload.project_id:
        raise InvalidField(_PROJECT, "must be in Upload-Metadata, or in the query")
    concatenation = Concatenation()
    if (said := request.headers.get("upload-concat")) is not None:
        concatenation = concatenation_of(said)
    upload.partial = concatenation.partial
    upload.concat_upload_ids.extend(concatenation.upload_ids)
    length = length_of(request, final=bool(concatenation.upload_ids), max_bytes=max_bytes)
    if length is not None:
        upload.size_bytes = length
    if length == 0 and not upload.partial:
        raise InvalidArgument(Reason.UPLOAD_EMPTY, "the file has no bytes")
    return upload


def length_of(request: Request, *, final: bool, max_bytes: int) -> int | None:
    """Return how many bytes the upload to make will have, if that is known.

    Raises:
        InvalidArgument: It is not said although it must be, or is too much.
    """
    length = request.headers.get("upload-length")
    deferred = request.headers.get("upload-defer-length")
    if final:
        if length is not None or deferred is not None:
            raise InvalidField("upload-length", "must be left out: it follows from the parts")
        return None
    if (length is None) == (deferred is None):
        raise InvalidField("upload-length", "must be there, or else Upload-Defer-Length")
    if length is not None:
        return bounded(number_of("upload-length", length), max_bytes)
    if deferred != "1":
        raise InvalidField("upload-defer-length", "must be 1")
    return None


def bounded(length: int, max_bytes: int) -> int:
    """Return a length that is not too large.

    Raises:
        InvalidArgument: It is.
    """
    if length > max_bytes:
        raise InvalidArgument(
            Reason.LIMIT_BYTES,
            f"the file has more than the {max_bytes} bytes that are allowed",
            metadata={"limit": str(max_bytes)},
        )
    return length


def _describe(upload: upload_pb2.Upload, metadata: Mapping[str, bytes]) -> None:
    """Set the fields that the metadata speaks of; other keys are for the caller's own use."""
    violations: list[FieldViolation] = []
    for field, keys in _FIELDS.items():
        key = next((key for key in keys if key in metadata), None)
        if key is None:
            continue
        try:
            setattr(upload, field, metadata[key].decode())
        except UnicodeDecodeError:
            violations.append(FieldViolation(field=key, description="must be UTF-8"))
    upload.content_type = said_type(upload.content_type)
    if "on_duplicate" in metadata:
        try:
            value = enum_value(_ON_DUPLICATE, metadata["on_duplicate"].decode())
            upload.on_duplicate = image_pb2.OnDuplicate.ValueType(value)
        except ValueError:
            rule = f"must be one of {', '.join(short_names(_ON_DUPLICATE))}"
            violations.append(FieldViolation(field="on_duplicate", description=rule))
    if violations:
        raise InvalidFields(violations)


def _project_in_query(request: Request) -> str:
    """Return the project in the query, for clients whose users cannot set metadata of parts.

    Raises:
        InvalidFields: There is something else in the query.
    """
    pairs = request.query_params.multi_items()
    violations = [
        FieldViolation(field=name, description="is not a parameter")
        for name, _ in pairs
        if name != _PROJECT
    ]
    if len(pairs) > 1 and not violations:
        violations = [FieldViolation(field=_PROJECT, description="must be given once")]
    if violations:
        raise InvalidFields(violations)
    return pairs[0][1] if pairs else ""
