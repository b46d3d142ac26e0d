"""Upload a picture with the Python SDK, wait for it, and print its tag."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from picstore_client import PicStoreClient


async def main(path: Path) -> None:
    """Make a picture of the file at `path`."""
    async with PicStoreClient(os.environ["PICSTORE_URL"], os.environ["PICSTORE_API_KEY"]) as client:
        uploaded = await client.upload(
            path,
            project="website",
            alt_text="A sunset",
            # Run again after an interruption, it goes on where it was.
            state=path.with_suffix(".upload.json"),
        )
        print("there already" if uploaded.known else "uploaded", uploaded.image.id, file=sys.stderr)
        picture = await client.picture(uploaded.image, sizes="(min-width: 60em) 50vw, 100vw")
        print(picture.html)


asyncio.run(main(Path(sys.argv[1])))
