"""Upload a picture over gRPC: a header, chunks, and the end with the digest of the whole file."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc

from picstore.catalog.v1 import project_pb2, project_pb2_grpc
from picstore.upload.v1 import upload_pb2, upload_pb2_grpc


def messages(project_id: str, path: Path) -> Iterator[upload_pb2.QuickUploadRequest]:
    """Yield what `QuickUpload` takes; the file is read in pieces, as gRPC asks for them."""
    header = upload_pb2.QuickUploadHeader(project_id=project_id, filename=path.name)
    yield upload_pb2.QuickUploadRequest(header=header)
    digest, offset = hashlib.sha256(), 0
    with path.open("rb") as file:
        while data := file.read(256 * 1024):
            digest.update(data)
            chunk = upload_pb2.Chunk(offset=offset, data=data)
            yield upload_pb2.QuickUploadRequest(chunk=chunk)
            offset += len(data)
    end = upload_pb2.End(sha256=digest.hexdigest())
    yield upload_pb2.QuickUploadRequest(end=end)


metadata = (("authorization", f"Bearer {os.environ['PICSTORE_API_KEY']}"),)
with (
    grpc.insecure_channel(os.environ["PICSTORE_TARGETS__CATALOG"]) as catalog,
    grpc.insecure_channel(os.environ["PICSTORE_TARGETS__UPLOAD"]) as upload,
):
    found = project_pb2_grpc.ProjectServiceStub(catalog).ListProjects(
        project_pb2.ListProjectsRequest(short_name="website"), metadata=metadata, timeout=5
    )
    image = upload_pb2_grpc.UploadServiceStub(upload).QuickUpload(
        messages(found.projects[0].id, Path(sys.argv[1])), metadata=metadata, timeout=300
    )
print(image.id, f"{image.width}×{image.height}")
