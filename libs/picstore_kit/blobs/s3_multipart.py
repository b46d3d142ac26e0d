"""Multipart uploads in an S3: the calls that the SDK has, but keeps to itself.

Its public `put_object` begins, fills and completes an upload in one go. Ours live longer than a
call, and than a process, so the six requests behind it are made here, and only here: they are
private, and what a new version of the SDK changes about them is mended in this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from minio import Minio
from minio.datatypes import Part as SdkPart
from minio.error import S3Error

from picstore_kit.blobs.base import MAX_PARTS, BlobStoreUnavailable, Part
from picstore_kit.blobs.checks import check_part, check_parts, read_slice
from picstore_kit.blobs.s3_errors import ABORT, LIST_PARTS, LIST_UPLOADS, PUT, mapped


class S3Multipart:
    """The unfinished uploads of a bucket, as `BlobStore` has them; every call blocks."""

    def __init__(self, client: Minio, bucket: str, name_of: Callable[[str], str]) -> None:
        self._client = client
        self._bucket = bucket
        self._name_of = name_of

    def begin(self, key: str, content_type: str, headers: Mapping[str, str]) -> str:
        """Begin an upload, and return its id."""
        name = self._name_of(key)
        with mapped(key, PUT):
            return self._client._create_multipart_upload(
                self._bucket, name, {**headers, "Content-Type": content_type}
            )

    def put(
        self, key: str, upload_id: str, number: int, path: Path, *, offset: int, length: int
    ) -> Part:
        """Store a slice of a file as a part."""
        name = self._name_of(key)
        check_part(number)
        data = read_slice(path, offset, length)
        with mapped(key, PUT):
            etag = self._client._upload_part(self._bucket, name, data, None, upload_id, number)
        if not etag:
            raise BlobStoreUnavailable  # no S3
        return Part(number=number, etag=etag, size=length)

    def parts(self, key: str, upload_id: str) -> list[Part]:
        """Return what is stored, by number."""
        name = self._name_of(key)
        found: dict[int, SdkPart] = {}
        marker = 0
        while True:
            with mapped(key, LIST_PARTS):
                page = self._client._list_parts(
                    self._bucket, name, upload_id, part_number_marker=str(marker)
                )
            for part in page.parts:
                # SeaweedFS keeps what a part was before, and lists that too, in no order.
                known = found.get(part.part_number)
                if known is None or _age(known) <= _age(part):
                    found[part.part_number] = part
            if not page.is_truncated:
                return [_part(found[number]) for number in sorted(found)]
            last = max((part.part_number for part in page.parts), default=0)
            if not marker < last <= MAX_PARTS:  # no S3: this would go on for ever
                raise BlobStoreUnavailable
            marker = last

    def complete(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """Make the object of its parts."""
        name = self._name_of(key)
        check_parts(parts)
        chosen = [SdkPart(part_number=part.number, etag=part.etag) for part in parts]
        with mapped(key, PUT):
            result = self._client._complete_multipart_upload(self._bucket, name, upload_id, chosen)
        # S3 begins its answer before it knows: an error may come with the status 200.
        if result.etag is None:
            raise BlobStoreUnavailable

    def abort(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts; one that is gone is fine."""
        name = self._name_of(key)
        with mapped(key, ABORT):
            try:
                self._client._abort_multipart_upload(self._bucket, name, upload_id)
            except S3Error as error:
                if error.code != "NoSuchUpload":
                    raise

    def abort_all(self, key: str) -> None:
        """Drop all unfinished uploads of an object."""
        for upload_id in self._unfinished(key):
            self.abort(key, upload_id)

    def _unfinished(self, key: str) -> Iterator[str]:
        name = self._name_of(key)
        # One page holds a thousand uploads to one object.
        with mapped(key, LIST_UPLOADS):
            page = self._client._list_multipart_uploads(self._bucket, prefix=name)
        for upload in page.uploads:
            if upload.object_name == name and upload.upload_id is not None:
                yield upload.upload_id


def _age(part: SdkPart) -> datetime:
    return part.last_modified or datetime.min.replace(tzinfo=UTC)


def _part(part: SdkPart) -> Part:
    if part.size is None:
        raise BlobStoreUnavailable  # no S3
    return Part(number=part.part_number, etag=part.etag, size=part.size)
