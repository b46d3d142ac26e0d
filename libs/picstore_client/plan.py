"""What is said of an upload, however its bytes go."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from enum import StrEnum

from picstore.catalog.v1 import image_pb2
from picstore.upload.v1.upload_pb2 import Upload


class OnDuplicate(StrEnum):
    """What is to happen if the project has the same bytes already."""

    RETURN_EXISTING = "return_existing"
    """The picture that is there is the answer."""
    CREATE = "create"
    """Another picture is made of them."""
    REFUSE = "refuse"
    """The file is refused with IMAGE_DUPLICATE."""


class Via(StrEnum):
    """The way that the bytes go."""

    AUTO = "auto"
    """QUICK for what is small and new, else RESUMABLE."""
    QUICK = "quick"
    """One request to the gateway."""
    RESUMABLE = "resumable"
    """Requests to the gateway, each of them from where the one before broke off."""
    PRESIGNED = "presigned"
    """Requests to the store itself, past the gateway."""


ON_DUPLICATE = {
    OnDuplicate.RETURN_EXISTING: image_pb2.ON_DUPLICATE_RETURN_EXISTING,
    OnDuplicate.CREATE: image_pb2.ON_DUPLICATE_CREATE,
    OnDuplicate.REFUSE: image_pb2.ON_DUPLICATE_REFUSE,
}
"""The values of the contract."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPlan:
    """A file, and what is said of it."""

    project_id: str
    image_id: str
    """The picture that the bytes are for; empty for a new one."""
    upload_profile: str
    filename: str
    alt_text: str
    location: str
    content_type: str
    """Empty if nobody knows."""
    on_duplicate: OnDuplicate
    size: int
    """In bytes."""
    sha256: str
    """In hexadecimal."""

    def upload(self, method: Upload.Method.ValueType) -> Upload:
        """Return the upload to make, for bytes that come by `method`."""
        return Upload(
            project_id=self.project_id,
            image_id=self.image_id,
            upload_profile=self.upload_profile,
            filename=self.filename,
            alt_text=self.alt_text,
            location=self.location,
            content_type=self.content_type,
            size_bytes=self.size,
            sha256=self.sha256,
            on_duplicate=ON_DUPLICATE[self.on_duplicate],
            method=method,
        )


def fingerprint(gateway: str, upload: Upload) -> str:
    """Return what only uploads of the same bytes to the same place have in common."""
    written = upload.SerializeToString(deterministic=True)
    return hashlib.sha256(gateway.encode() + b"\0" + written).hexdigest()


def media_type_of(filename: str) -> str:
    """Return the media type that the name of a file says; empty if it says none."""
    return mimetypes.guess_type(filename)[0] or ""
