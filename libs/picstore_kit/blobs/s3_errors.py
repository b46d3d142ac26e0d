"""What the errors of an S3 and of its SDK mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from xml.etree import ElementTree as ET

import urllib3
from minio.error import MinioException, S3Error

from picstore_kit.blobs.base import (
    BlobDigestMismatch,
    BlobNotFound,
    BlobStoreDenied,
    BlobStoreUnavailable,
)

# As policies call what is allowed.
PUT: Final = "s3:PutObject"
GET: Final = "s3:GetObject"
LIST: Final = "s3:ListBucket"
LIST_UPLOADS: Final = "s3:ListBucketMultipartUploads"
LIST_PARTS: Final = "s3:ListMultipartUploadParts"
DELETE: Final = "s3:DeleteObject"
ABORT: Final = "s3:AbortMultipartUpload"

_PLAIN_CODE: Final = re.compile(r"[A-Za-z0-9]{1,64}")


class BeyondEnd(Exception):
    """The range begins where the object has ended."""


@contextmanager
def mapped(key: str, action: str) -> Iterator[None]:
    """Turn the SDK's errors into ours; `action` is the permission that the call needs."""
    try:
        yield
    except S3Error as error:
        raise _translate(error, key, action) from error
    # The last two: the answer is nothing that an S3 says.
    except (
        MinioException,
        urllib3.exceptions.HTTPError,
        ET.ParseError,
        ValueError,
    ) as error:
        raise BlobStoreUnavailable from error


def _translate(error: S3Error, key: str, action: str) -> Exception:
    status, code = error.response.status, error.code or ""
    if code in ("NoSuchKey", "NoSuchUpload"):
        return BlobNotFound(key)
    if code == "InvalidPart":  # another one than was asked for is there, or none
        return BlobDigestMismatch()
    if code == "InvalidRange":
        return BeyondEnd()
    if status >= 500 or status in (408, 429):
        return BlobStoreUnavailable()
    return BlobStoreDenied(code if _PLAIN_CODE.fullmatch(code) else str(status), action=action)
