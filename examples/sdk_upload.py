"""Upload a picture with the Python SDK, wait for it, and print its tag."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from picstore_client import PicStoreClient
from picstore_kit.ids import ImageId, ProjectId


async def main(path: Path) -> None:
    """Make a picture of the file at `path`."""
    async with PicStoreClient(os.environ["PICSTORE_URL"], os.environ["PICSTORE_API_KEY"]) as client:
        project = await client.find_project("website")
        image = await client.quick_upload(ProjectId(project.id), path, alt_text="A sunset")
        await client.wait_ready(ImageId(image.id))
        picture = await client.get_picture(ImageId(image.id), sizes="(min-width: 60em) 50vw, 100vw")
        print(picture.html)


asyncio.run(main(Path(sys.argv[1])))
