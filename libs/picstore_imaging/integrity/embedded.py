"""The pictures that an SVG carries as `data:` URIs, and how many pixels they announce.

librsvg decodes each of them whole, and ends its process where it cannot have the memory. It takes
them for what the URI declares, and draws nothing where they are something else; here only their
own first bytes count.
"""

from __future__ import annotations

import binascii
import re
from typing import Final
from urllib.parse import unquote_to_bytes

from picstore_imaging.integrity import jpeg, webp

_RASTER: Final = re.compile(r"\s*data:image/(?:png|jpe?g|gif|webp)\s*[;,]", re.IGNORECASE)
_BREAKS: Final = dict.fromkeys(map(ord, "\t\r\n"))
"""What URLs are read without, wherever it stands."""
_BASE64: Final = "base64"


def is_raster(uri: str) -> bool:
    """Whether a reference is a picture itself, in a format that librsvg decodes."""
    return _RASTER.match(uri) is not None


def pixels(uri: str) -> int:
    """Multiply the sides that a picture gives itself; 0 where it is none, or gives none."""
    head, _, body = uri.translate(_BREAKS).partition(",")
    data = unquote_to_bytes(body)
    if head.rstrip().lower().endswith(_BASE64):
        try:
            data = binascii.a2b_base64(data + b"==")
        except binascii.Error:
            return 0
    if data.startswith(b"\x89PNG"):
        return int.from_bytes(data[16:20], "big") * int.from_bytes(data[20:24], "big")
    if data.startswith(b"GIF8"):
        return int.from_bytes(data[6:8], "little") * int.from_bytes(data[8:10], "little")
    if data.startswith(b"RIFF"):
        return webp.canvas_pixels(data) or 0
    return jpeg.pixels(data) if data.startswith(b"\xff\xd8") else 0
