"""From the contract's messages to the model, and back."""

from __future__ import annotations

from picstore.catalog.v1 import conversion_pb2, image_pb2, ingest_pb2
from picstore.upload.v1 import upload_pb2
from picstore_kit.errors import InvalidField
from picstore_kit.ids import ImageId, LocationId, ProjectId, UploadId, UploadProfileId
from picstore_upload.model import (
    Chunk,
    Destination,
    End,
    OnDuplicate,
    Original,
    UploadHeader,
)
from picstore_upload.ports import Committed

_ON_DUPLICATE = "ON_DUPLICATE_"


def quick_header_from(
    header: upload_pb2.QuickUploadHeader, *, upload_id: UploadId | None
) -> UploadHeader:
    """Read the header of a picture that is new; `upload_id` is what its request id stands for."""
    return UploadHeader(
        upload_id=upload_id,
        on_duplicate=on_duplicate_from(header.on_duplicate, field="header.on_duplicate"),
        project_id=header.project_id,
        upload_profile=header.upload_profile,
        filename=header.filename,
        alt_text=header.alt_text,
        location=header.location,
        content_type=header.content_type,
        size_bytes=header.size_bytes if header.HasField("size_bytes") else None,
    )


def image_header_from(header: upload_pb2.UploadImageHeader) -> UploadHeader:
    """Read the header of a picture that was announced, or has an original."""
    return UploadHeader(
        image_id=header.image_id,
        filename=header.filename,
        on_duplicate=on_duplicate_from(header.on_duplicate, field="header.on_duplicate"),
        content_type=header.content_type,
        size_bytes=header.size_bytes if header.HasField("size_bytes") else None,
    )


def message_from(
    message: upload_pb2.QuickUploadRequest | upload_pb2.UploadImageRequest,
) -> Chunk | End:
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
        case "end":
            return End(sha256=message.end.sha256)
        case _:
            raise InvalidField("message", "must be a chunk or the end once the header has come")


def on_duplicate_from(value: image_pb2.OnDuplicate.ValueType, *, field: str) -> OnDuplicate:
    """Read what is to happen with bytes that the project has already.

    Raises:
        InvalidField: It is nothing that this version knows.
    """
    if value == image_pb2.ON_DUPLICATE_UNSPECIFIED:
        return OnDuplicate.RETURN_EXISTING
    if value not in image_pb2.OnDuplicate.values():
        raise InvalidField(field, "is not known")
    return OnDuplicate(image_pb2.OnDuplicate.Name(value).removeprefix(_ON_DUPLICATE))


def on_duplicate_to(value: OnDuplicate) -> image_pb2.OnDuplicate.ValueType:
    """Write what is to happen with bytes that the project has already."""
    return image_pb2.OnDuplicate.Value(f"{_ON_DUPLICATE}{value.value}")


def resolve_to(header: UploadHeader) -> ingest_pb2.ResolveUploadRequest:
    """Ask where the original goes."""
    return ingest_pb2.ResolveUploadRequest(
        project_id=header.project_id,
        image_id=header.image_id,
        upload_profile=header.upload_profile,
        filename=header.filename,
        location=header.location,
    )


def destination_from(response: ingest_pb2.ResolveUploadResponse) -> Destination:
    """Read where the original goes."""
    return Destination(
        image_id=ImageId(response.image_id),
        generation=response.generation,
        project_id=ProjectId(response.project_id),
        upload_profile_id=UploadProfileId(response.upload_profile_id),
        location_id=LocationId(response.originals_location.id),
        object_key=response.object_key,
        filename=response.filename,
        location=response.location,
        max_bytes=response.max_bytes,
        max_pixels=response.max_pixels,
    )


def commit_to(original: Original) -> ingest_pb2.CommitImageRequest:
    """Hand over a stored original."""
    destination, probe = original.destination, original.probe
    return ingest_pb2.CommitImageRequest(
        upload_id=original.upload_id,
        image_id=destination.image_id,
        generation=destination.generation,
        project_id=destination.project_id,
        upload_profile_id=destination.upload_profile_id,
        filename=destination.filename,
        location=destination.location,
        alt_text=original.alt_text,
        originals_location_id=destination.location_id,
        object_key=destination.object_key,
        facts=conversion_pb2.SourceFacts(
            format=conversion_pb2.Format.Value(f"FORMAT_{probe.format.name}"),
            width=probe.width,
            height=probe.height,
            frames=probe.frames,
            has_alpha=probe.has_alpha,
            size_bytes=probe.bytes,
            sha256=original.sha256,
            has_gps=probe.has_gps,
            trailing_bytes=probe.trailing_bytes,
        ),
        on_duplicate=on_duplicate_to(original.on_duplicate),
    )


def committed_from(response: ingest_pb2.CommitImageResponse) -> Committed:
    """Read what the catalog made of an original."""
    return Committed(
        image=response.image,
        original_kept=response.original_kept,
        duplicate=response.duplicate,
    )
