"""What the tests of tus ask."""

from __future__ import annotations

import base64
from typing import Any, Final

import httpx

UPLOAD: Final = "/files/upl_1"
VERSION: Final = {"tus-resumable": "1.0.0"}
BYTES: Final = {**VERSION, "content-type": "application/offset+octet-stream"}


def metadata(**values: str) -> str:
    """Write an Upload-Metadata header."""
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in values.items())


async def create(
    http: httpx.AsyncClient,
    headers: dict[str, str] | None = None,
    *,
    path: str = "/files/?project=prj_1",
    content: bytes = b"",
) -> httpx.Response:
    """Make an upload of ten bytes, unless `headers` say otherwise."""
    kind = BYTES if content else VERSION
    length = {} if headers and {"upload-defer-length", "upload-concat"} & headers.keys() else LENGTH
    return await http.post(path, headers={**kind, **length, **(headers or {})}, content=content)


LENGTH: Final = {"upload-length": "10"}


async def patch(
    http: httpx.AsyncClient,
    content: Any = b"abcdef",
    headers: dict[str, str] | None = None,
    *,
    offset: int = 4,
) -> httpx.Response:
    """Send bytes of `UPLOAD`."""
    return await http.patch(
        UPLOAD, content=content, headers={**BYTES, "upload-offset": str(offset), **(headers or {})}
    )
