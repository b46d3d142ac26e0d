"""A client that speaks tus, and the uploads that the backend tells it of."""

from __future__ import annotations

import pytest

from picstore.upload.v1.upload_pb2 import Upload
from tests.contract.gateway.backend import Backend


@pytest.fixture
def upload(backend: Backend) -> Upload:
    """An upload of ten bytes of which four have come; a test that changes it tells the backend."""
    upload = Upload(
        id="upl_1",
        project_id="prj_1",
        method=Upload.METHOD_RESUMABLE,
        state=Upload.STATE_OPEN,
        size_bytes=10,
        persisted_size=4,
        note="filename ZG9nLmpwZw==,mine",
    )
    upload.expire_time.FromJsonString("2026-12-01T10:00:00Z")
    backend.answer("CreateUpload", upload)
    backend.answer("GetUpload", upload)
    backend.answer("WriteUpload", upload)
    return upload
