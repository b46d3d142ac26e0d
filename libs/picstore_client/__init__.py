"""The Python SDK of Pic Store.

    from picstore.catalog.v1.project_pb2 import ListProjectsRequest
    from picstore_client.methods import LIST_PROJECTS

    async with PicStoreClient("http://127.0.0.1:8080", api_key) as client:
        project = await client.find_project("website")
        image = await client.quick_upload(project.id, Path("photo.jpg"), alt_text="A dog")
        await client.wait_ready(image.id)
        picture = await client.get_picture(image.id)
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

__all__ = ["PicStoreClient", "sha256_of"]
