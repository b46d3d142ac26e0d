"""The Python SDK of Pic Store.

    from picstore.catalog.v1.project_pb2 import ListProjectsRequest
    from picstore_client.methods import LIST_PROJECTS

    async with PicStoreClient("http://127.0.0.1:8080", api_key) as client:
        uploaded = await client.upload(Path("photo.jpg"), project="website", alt_text="A dog")
        picture = await client.picture(uploaded.image)
        print(picture.html)
        # What has no method of its own is called by its name in the contract.
        async for project in client.pages(LIST_PROJECTS, ListProjectsRequest()):
            print(project.short_name)

Messages are those of the contract (`picstore.catalog.v1`, `picstore.auth.v1`), errors those of
`picstore_kit.errors`.
"""

from __future__ import annotations

from picstore_client.client import PicStoreClient
from picstore_client.hashing import sha256_of
from picstore_client.plan import OnDuplicate, Via
from picstore_client.uploading import UploadedImage

__all__ = ["OnDuplicate", "PicStoreClient", "UploadedImage", "Via", "sha256_of"]
